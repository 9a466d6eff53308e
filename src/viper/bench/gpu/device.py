"""The device at hand: what it is, how long work on it takes, and how much memory that took at most."""

import gc
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from platform import processor, python_version
from shutil import which

import torch

from viper.bench.floor import finish, matrix_rate
from viper.bench.gpu.flops import peak
from viper.bench.gpu.rows import Say
from viper.bench.gpu.sizes import Sizes

VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate", "diffusers")


def facts(device: str) -> dict[str, str]:
    """Name, memory and driver of the device, and the versions of what runs on it; '' for what is not there."""
    on_gpu = device == "cuda"
    properties = torch.cuda.get_device_properties(0) if on_gpu else None
    return {
        "device": properties.name if properties else f"CPU {processor()}".strip(),
        "memory_gb": f"{properties.total_memory / 1e9:.1f}" if properties else "",
        "driver": _driver() if on_gpu else "",
        "cuda": torch.version.cuda or "",
        "python": python_version(),
        **{name: _version(name) for name in VERSIONS},
    }


def _driver() -> str:
    if which("nvidia-smi") is None:
        return ""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=20)
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def release(device: str) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


@dataclass
class Meter:
    """Seconds and most memory of pieces of work, by name; a piece within another one is taken off that one's seconds.

    Attributes:
        seconds: of all times that a piece ran, since the last `restart`.
        gigabytes: the most that tensors held meanwhile; on a CPU the most that the process ever held.
    """

    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    gigabytes: dict[str, float] = field(default_factory=dict)
    _within: list[float] = field(default_factory=list)
    _peak: float = 0.0

    def restart(self) -> None:
        """Forget what was measured."""
        self.seconds.clear()
        self.gigabytes.clear()

    @contextmanager
    def piece(self, name: str) -> Iterator[None]:
        """Measure the block as (one more part of) the piece of this name."""
        self._peak_so_far()
        start = self._now()
        self._within.append(0.0)
        peak_outside, self._peak = self._peak, 0.0
        try:
            yield
        finally:
            took = self._now() - start
            own = took - self._within.pop()
            if self._within:
                self._within[-1] += took
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            self._peak_so_far()
            self.gigabytes[name] = max(self.gigabytes.get(name, 0.0), self._peak)
            self._peak = max(peak_outside, self._peak)

    def _now(self) -> float:
        finish(self.device)
        return time.perf_counter()

    def _peak_so_far(self) -> None:
        """Take over the device's own peak, and start it anew."""
        if self.device == "cuda":
            self._peak = max(self._peak, torch.cuda.max_memory_allocated() / 1e9)
            torch.cuda.reset_peak_memory_stats()
        else:
            self._peak = max(self._peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)

    def measured(self, name: str, function: Callable) -> Callable:
        """`function`, each call of which is a piece of this name."""

        def call(*args, **kwargs):
            with self.piece(name):
                return function(*args, **kwargs)

        return call


def matrices(sizes: Sizes, device: str, say: Say) -> None:
    """What the device is, and how fast it multiplies large matrices, which no model can exceed."""
    for name, value in facts(device).items():
        say(name, note=value)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    rate = matrix_rate(device, dtype, sizes.matrix)
    setting = f"{str(dtype).removeprefix('torch.')}, {sizes.matrix} a side"
    say("matrix product", setting=setting, value=rate / 1e12, unit="TFLOP/s")
    if device == "cuda" and (best := peak(torch.cuda.get_device_name())):
        say("matrix product", setting=setting, value=100 * rate / best, unit="% of the data sheet")

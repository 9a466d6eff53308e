"""What a node has, held against what a job will ask of it: before hours in a queue, not after."""

import importlib.util
import json
import logging
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from packaging.version import Version
from pydantic import Field

from viper.errors import ViperError
from viper.layout import MANIFEST
from viper.reading import read_json
from viper.strict import Strict

log = logging.getLogger(__name__)

# Oldest driver (its major number) for which torch's CUDA runtime of a major version works.
# Source: NVIDIA, "CUDA Compatibility", minor version compatibility.
DRIVERS = {11: 450, 12: 525, 13: 580}
# Where programs of GPU jobs keep files between runs: variable → its default below $HOME.
CACHES = {
    "HF_HOME": ".cache/huggingface",
    "TRITON_CACHE_DIR": ".triton/cache",
    "VLLM_CACHE_ROOT": ".cache/vllm",
    "FLASHINFER_WORKSPACE_BASE": ".cache/flashinfer",
    "CUDA_CACHE_PATH": ".nv/ComputeCache",
}
BELOW_XDG = ("HF_HOME", "VLLM_CACHE_ROOT")  # whose default follows XDG_CACHE_HOME
PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "diffusers", "sentence-transformers", "vllm")
HUB = ("huggingface.co", 443)
_USABLE_SHARE = 0.95  # of the memory that a GPU is sold with, what its driver shows at least
SPARE_GB = 10  # of a disk that jobs write to: shards of pictures, logs
TRIAL_SECONDS = 120  # of all trials of models on one node
_REMEDY = "Name what `preflight-node` wrote; without it, `snakemake … -- preflight` looks anew"

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        check: what was looked at.
        found: what is there.
        state: ok; note: it may go well, look at it; wrong: a job will fail.
        remedy: how to mend it; empty where it is ok.
    """

    check: str
    found: str
    state: State = "ok"
    remedy: str = ""


@dataclass(frozen=True)
class Kind:
    """What jobs of one kind ask a node for: CPU threads, GPUs, megabytes of memory."""

    threads: int
    gpu: int
    mem_mb: int

    @property
    def name(self) -> str:
        """As it stands in paths and in the table."""
        return f"{self.threads}cpu-{self.gpu}gpu-{self.mem_mb}mb"

    @classmethod
    def of(cls, name: str) -> "Kind":
        """The kind that has this name.

        Raises:
            ViperError: none has.
        """
        found = re.fullmatch(r"(\d+)cpu-(\d+)gpu-(\d+)mb", name)
        if found is None:
            raise ViperError(f"kind {name!r}: write it as 8cpu-1gpu-64000mb")
        return cls(*map(int, found.groups()))


# --- the machine


def driver(kind: Kind, cuda: str | None) -> Finding:
    """Whether the GPUs' driver is new enough.

    Args:
        cuda: the version of CUDA that torch was built with; None: without.
    """
    if kind.gpu == 0:
        return Finding("driver", "not needed")
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        found = subprocess.run(query, capture_output=True, encoding="utf-8", check=True).stdout.split()
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        return Finding("driver", f"nvidia-smi: {error}", "wrong", "take a node with an NVIDIA driver")
    if not found:
        return Finding("driver", "nvidia-smi lists no GPU", "wrong", "ask Slurm for a GPU: models.*.job.gpu")
    if cuda is None:
        remedy = "install envs/cuda.txt, and set VIPER_STEPS to its programs (docs/paper-scale.md)"
        return Finding("driver", f"{found[0]}, but torch is built without CUDA", "wrong", remedy)
    needed = DRIVERS.get(int(cuda.split(".")[0]), max(DRIVERS.values()))
    if int(found[0].split(".")[0]) < needed:
        remedy = f"a node with driver {needed} or newer (R{needed}), or torch's wheels for an older CUDA"
        return Finding("driver", f"{found[0]}; CUDA {cuda} needs {needed}", "wrong", remedy)
    return Finding("driver", f"{found[0]}, CUDA {cuda}")


def graphics(kind: Kind, names: Sequence[str], usable: int, sizes: Sequence[float], planned: float | None) -> Finding:
    """Whether there are as many GPUs as a job asks for, each as large as the forecast of memory takes them to be.

    Args:
        names: models of the GPUs that torch shows, with their memory.
        usable: how many of them have just multiplied two matrices.
        sizes: memory of each in GiB.
        planned: what `fit.gpu_memory` says, GiB; None: nothing is forecast.
    """
    if kind.gpu == 0:
        return Finding("GPUs", "not needed")
    if len(names) < kind.gpu:
        remedy = "correct max_gpu in slurm/partitions.yaml, or lower `gpu` of the step's job"
        return Finding("GPUs", f"{len(names)} of {kind.gpu}", "wrong", remedy)
    if usable < len(names):
        return Finding("GPUs", f"{usable} of {len(names)} work", "wrong", f"report {platform.node()} to who runs it")
    found = f"{len(names)} × {names[0]}"
    if planned is not None and min(sizes) < _USABLE_SHARE * planned:
        remedy = f"the forecast was made for {planned:g} GiB: set fit.gpu_memory to {min(sizes):.0f} and see what fits"
        return Finding("GPUs", found, "wrong", remedy)
    return Finding("GPUs", found)


def memory(kind: Kind, found_mb: int, threads: int) -> Finding:
    """Whether memory and cores are what a job asks for."""
    text = f"{found_mb / 1000:.0f} GB, {threads} cores"
    lacking = [
        *([f"mem_mb {kind.mem_mb}"] if found_mb < kind.mem_mb * 0.95 else []),  # a kernel keeps some for itself
        *([f"threads {kind.threads}"] if threads < kind.threads else []),
    ]
    if lacking:
        return Finding(
            "memory", text, "wrong", f"the step asks for {', '.join(lacking)}: lower them in its job section"
        )
    return Finding("memory", text)


def available_mb(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Megabytes that this process may use: of the machine, or of its job where the system keeps to that."""
    import psutil

    limits = [psutil.virtual_memory().total]
    own = Path("/proc/self/cgroup")
    for line in own.read_text(encoding="utf-8").splitlines() if own.is_file() else []:
        place = cgroup / line.rpartition(":")[2].lstrip("/") / "memory.max"
        if place.is_file() and (text := place.read_text(encoding="utf-8").strip()).isdecimal():
            limits.append(int(text))
    return min(limits) // 1_000_000


def disk(what: str, folder: Path, needed_gb: float) -> Finding:
    """Whether a folder can be written to and has room."""
    place = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free / 1e9
    text = f"{place.absolute()}: {free:,.0f} GB free"
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(what, f"{place.absolute()}: {error.strerror}", "wrong", "make it writable, or work elsewhere")
    if free < needed_gb:
        return Finding(what, f"{text}, {needed_gb:,.0f} needed", "wrong", "free some space, or use a larger disk")
    return Finding(what, text)


def network(is_needed: bool, reach: Callable[[], None] | None = None) -> Finding:
    """Whether the hub answers, which only `fetch` needs."""
    try:
        (reach or _reach_the_hub)()
    except OSError as error:
        if is_needed:
            remedy = "run `snakemake … -- fetch` on a machine with a network, such as the login node"
            return Finding("network", f"{HUB[0]}: {error}", "note", remedy)
        return Finding("network", "none, and none is needed: all is fetched")
    return Finding("network", f"{HUB[0]} answers")


def _reach_the_hub() -> None:
    socket.create_connection(HUB, timeout=5).close()


def caches(kind: Kind, environment: Mapping[str, str]) -> Finding:
    """Whether what GPU jobs keep between runs lies outside of $HOME, which is small on most clusters."""
    home = Path(environment.get("HOME", "/nonexistent"))
    if kind.gpu == 0:
        return Finding("caches", "not needed")

    def place(name: str) -> Path:
        if name in environment:
            return Path(environment[name])
        if name in BELOW_XDG and "XDG_CACHE_HOME" in environment:
            return Path(environment["XDG_CACHE_HOME"]) / Path(CACHES[name]).name
        return home / CACHES[name]

    inside = [name for name in CACHES if place(name).is_relative_to(home)]
    if not inside:
        return Finding("caches", "outside of $HOME")
    remedy = "before `snakemake`: " + " ".join(["export", *(f"{name}=/scratch/…/{name.lower()}" for name in inside)])
    if not home.is_dir() or not os.access(home, os.W_OK):
        return Finding("caches", f"{', '.join(inside)} below {home}, which cannot be written to", "wrong", remedy)
    free = shutil.disk_usage(home).free / 1e9
    state: State = "wrong" if free < 1 else "note"
    return Finding("caches", f"{', '.join(inside)} below $HOME ({free:,.0f} GB free)", state, remedy)


# --- the software


def versions(lock: Path, installed: Callable[[str], str] = version) -> Finding:
    """Whether the packages that results depend on are those of the lock file."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", line)[0] for line in lines if re.match(r"[\w.-]+==", line))
    differing = []
    for name in PACKAGES:
        if name not in pinned:
            continue
        try:
            found = installed(name)
        except PackageNotFoundError:
            found = "missing"
        if found == "missing" or Version(found).base_version != Version(pinned[name]).base_version:
            differing.append(f"{name} {found} ({pinned[name]})")
    if differing:
        return Finding("versions", ", ".join(differing), "wrong", f"install what {lock} names (docs/paper-scale.md)")
    return Finding("versions", f"as in {lock}, {len(set(PACKAGES) & set(pinned))} packages")


def engine(wanted: str, has_gpu: bool) -> Finding:
    """What generates on this node. vLLM itself is not started."""
    from viper.models.engine import pick_engine

    try:
        picked = pick_engine(wanted, has_gpu=has_gpu)
    except ViperError as error:
        return Finding("engine", wanted, "wrong", str(error))
    if picked == "vllm" and importlib.util.find_spec("vllm") is None:
        return Finding("engine", "vllm is installed, and cannot be found", "wrong", "install envs/cuda.txt again")
    return Finding("engine", picked)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """End what takes longer.

    Raises:
        TimeoutError: it did.
    """

    def end(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(max(1, seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def trial(what: str, path: str, step: Callable[[], str], seconds: float) -> Finding:
    """Whether one small step of a model works.

    Args:
        path: folder of the model, or a package that has one.
        seconds: that are left for it.
    """
    if not path.startswith("package:") and not (Path(path) / MANIFEST).is_file():
        return Finding(what, f"not tried: nothing at {path}", "note", "get the models first: `snakemake … -- fetch`")
    begun = time.monotonic()
    try:
        with _at_most(int(seconds)):
            said = step()
    except TimeoutError as error:
        return Finding(what, str(error), "wrong", "a slow disk? copy models.cache to one that is near the node")
    # Whatever a library raises on this device is the finding.
    except Exception as error:
        log.exception("%s", what)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Finding(what, f"{type(error).__name__}: {reason[:200]}", "wrong", "see the step's log, below logs/")
    return Finding(what, f"{said}; {time.monotonic() - begun:.0f} s")


# --- the table


def to_json(kind: Kind, findings: Sequence[Finding]) -> str:
    """Findings on one node, as a job writes them down."""
    rows = [asdict(finding) for finding in findings]
    return json.dumps({"kind": kind.name, "node": platform.node(), "findings": rows}, indent=1, ensure_ascii=False)


class Findings(Strict):
    """What `to_json` wrote."""

    kind: str
    node: str
    findings: Annotated[list[Finding], Field(min_length=1)]


def read_findings(path: Path) -> Findings:
    """Findings on one node.

    Raises:
        ViperError: the file is missing, or holds something else.
    """
    return read_json(path, Findings, _REMEDY)


def table(nodes: Sequence[Findings]) -> tuple[str, list[str]]:
    """One table of all nodes' findings, and a sentence for each that is not as it should be."""
    import pandas as pd

    rows = [
        {"node": node.node, "for jobs of": node.kind, **asdict(finding)} for node in nodes for finding in node.findings
    ]
    sentence = "{state}: {node}, {for jobs of}, {check}: {found}. {remedy}"
    remedies = [sentence.format_map(row) for row in rows if row["state"] != "ok"]
    shown = pd.DataFrame(rows).drop(columns="remedy").to_string(index=False, max_colwidth=160)
    return shown, sorted(remedies, key=lambda text: not text.startswith("wrong"))

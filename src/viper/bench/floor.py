"""The least time that a piece of work can take: its operations over the machine's measured matrix rate."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

_SIDE, _REPEATS = 1536, 8


def matrix_rate(device: str = "cpu", dtype: torch.dtype = torch.float32, side: int = _SIDE) -> float:
    """Floating-point operations a second of the product of two square matrices, best of a few, with torch's threads."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(_REPEATS):
        finish(device)
        start = time.perf_counter()
        a @ b
        finish(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def finish(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


class _NoModules:
    """Stands for FlopCounterMode's module tracker, which cannot follow modules in inference mode."""

    parents = frozenset({"Global"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def floor_seconds(work: Callable[[], int], rate: float) -> float:
    """Seconds a unit of `work` would take if nothing but its matrix products took time, at `rate`."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()
    with counter:
        units = work()
    return counter.get_total_flops() / rate / units

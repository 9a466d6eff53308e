"""The least time that a piece of work can take: its operations over the machine's measured matrix rate."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

_SIDE, _REPEATS = 1536, 8


def matrix_rate() -> float:
    """Floating-point operations a second of a large float32 matrix product, best of a few, with torch's threads."""
    a, b = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * _SIDE**3 / best


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

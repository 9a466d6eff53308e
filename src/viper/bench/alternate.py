"""Two ways of doing the same thing, timed in turns, so that whatever else the machine does slows both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

COLUMNS = [
    "what",
    "shape",
    "unit",
    "baseline",
    "ours",
    "ratio",
    "low",
    "high",
    "rounds",
    "target",
    "floor_s",
    "times_floor",
]
NUMBERS = tuple(COLUMNS[3:])


@dataclass(frozen=True)
class Comparison:
    """What is compared.

    Attributes:
        what, shape: names of the row.
        baseline, ours: do the work once; each returns how many units of it.
        unit: what is counted, such as "step" or "image".
        target: least ratio that is asked for; None: only shown.
        floor: seconds below which our way cannot get on this machine (see `viper.bench.floor`); None: not known.
        clock: what tells the seconds; `time.process_time`: those that this process computed, in all of its threads.
    """

    what: str
    shape: str
    unit: str
    baseline: Callable[[], int]
    ours: Callable[[], int]
    target: float | None = None
    floor: float | None = None
    clock: Callable[[], float] = time.perf_counter


def seconds_per_unit(work: Callable[[], int], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of `work`, as `clock` tells them, by the number of units that it says it did."""
    start = clock()
    units = work()
    return (clock() - start) / units


def measure(comparison: Comparison, rounds: int) -> dict:
    """One row with `COLUMNS`: median seconds a unit, and the median, least and greatest ratio of the rounds.

    Each round times both ways, in the other order than the round before; one round of both comes first, untimed.
    """
    ways = {"baseline": comparison.baseline, "ours": comparison.ours}
    for work in ways.values():
        work()
    times: dict[str, list[float]] = {"baseline": [], "ours": []}
    for number in tqdm(range(rounds), desc=f"{comparison.what}, {comparison.shape}", unit="round"):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            times[name].append(seconds_per_unit(ways[name], comparison.clock))
    ratios = np.array(times["baseline"]) / np.array(times["ours"])
    ours = float(np.median(times["ours"]))
    return {
        "what": comparison.what,
        "shape": comparison.shape,
        "unit": comparison.unit,
        "baseline": float(np.median(times["baseline"])),
        "ours": ours,
        "ratio": float(np.median(ratios)),
        "low": float(ratios.min()),
        "high": float(ratios.max()),
        "rounds": rounds,
        "target": comparison.target,
        "floor_s": comparison.floor,
        "times_floor": ours / comparison.floor if comparison.floor else None,
    }


def table(rows: list[dict]) -> pd.DataFrame:
    """The rows of `measure` as a table."""
    return pd.DataFrame(rows, columns=COLUMNS)

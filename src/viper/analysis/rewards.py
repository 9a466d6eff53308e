"""Reward curves from the metrics of training, and where one overtakes another.

A lineage's phases are laid end to end: of `base.csr.vop`, the steps of CSR, then those of VOP. Phases without a reward
(supervised ones) take no steps here, so that a lineage with a cold start begins at its first step of reinforcement
learning, as in the paper's figure. A further update on the same responses is a step without a reward of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.keyed import COUNT, FINITE, Number, keyed
from viper.analysis.published import COLD_START_CROSSING
from viper.analysis.runs import by_run, distinct
from viper.errors import ViperError
from viper.reading import read_table

CURVES = ["lineage", "stage", "step", "reward", "smoothed", "low", "high", "seeds"]
CROSSINGS = ["lineage", "compared_with", "run", "outcome", "step", "final", "final_compared_with", "published"]
CURVE_NUMBERS, CROSSING_NUMBERS = tuple(CURVES[2:]), tuple(CROSSINGS[4:])
OVERTAKES, AHEAD, BEHIND = "overtakes", "ahead from the first step", "not ahead at the end"


def read(paths: Sequence[Path], lineages: Sequence[str], window: int) -> pd.DataFrame:
    """Read the metrics of every rewarded phase of the lineages.

    Args:
        paths: a train.csv for each phase of a lineage and seed, found by what they say (`viper.layout`).
        window: steps; `smoothed` is the mean of as many steps of the same phase up to each.

    Returns:
        lineage, seed, stage (the checkpoint that the phase trains), step (from 1, end to end), reward, smoothed.

    Raises:
        ViperError: a file is missing or of another form, the runs of a phase have rewards at other steps, or no phase
            of a lineage has a reward.
    """
    files, parts = by_run(paths), []
    rewarded_at: dict[str, tuple[Path, list[int]]] = {}
    for lineage in distinct(lineages):
        for seed in dict.fromkeys(seed for _, seed in files):
            done = 0
            for stage in list(accumulate(lineage.split("."), "{}.{}".format))[1:]:
                if (stage, seed) not in files:
                    raise ViperError(f"{stage} with seed {seed}: no file of metrics was named")
                path = files[stage, seed]
                phase = read_phase(path, {"reward": FINITE})
                steps = phase.loc[phase["reward"].notna(), "step"].tolist()
                other, known = rewarded_at.setdefault(stage, (path, steps))
                if steps != known:
                    told = f"has rewards at {len(steps)} steps, {other} at {len(known)} or at others"
                    raise ViperError(f"{path}: {told}: one of them was cut off: train this lineage again")
                if phase["reward"].notna().any():
                    smoothed = phase["reward"].rolling(window, min_periods=1).mean()
                    of_run = {"lineage": lineage, "seed": seed, "stage": stage}
                    rewarded = phase.assign(**of_run, step=phase["step"] + done, smoothed=smoothed)
                    parts.append(rewarded[phase["reward"].notna()])
                    done += len(phase)
            if not done:
                raise ViperError(f"{lineage}: no phase was trained with a reward, so there is no reward curve to draw")
    return pd.concat(parts, ignore_index=True)[["lineage", "seed", "stage", "step", "reward", "smoothed"]]


def read_phase(
    path: Path, numbers: Mapping[str, Number], *, always: Collection[str] = (), texts: Sequence[str] = ()
) -> pd.DataFrame:
    """The steps of one phase in their order, from what training wrote down (`viper.training.records`).

    Args:
        numbers: column → what it may hold; a step that does not measure it leaves it blank.
        always: those of these columns that every step has.
        texts: further columns.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    if not path.exists():
        raise ViperError(f"{path}: missing: train this lineage first (snakemake trains it by itself)")
    columns = ["step", *numbers, *texts]
    phase = read_table(path, needed=columns, numbers=["step", *numbers])[columns]
    remedy = "Steps are counted from 1, each once: train this lineage again"
    blank = dict.fromkeys(set(numbers) - set(always), True)
    keyed(phase, path, "step", numbers={"step": COUNT, **numbers}, blank=blank, remedy=remedy)
    keyed(phase, path, "step", values={"step": range(1, len(phase) + 1)}, remedy=remedy)
    return phase.astype({"step": int}).sort_values("step", ignore_index=True)


def read_curves(path: str | Path) -> pd.DataFrame:
    """Read a table of `over_seeds` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=CURVES, numbers=CURVE_NUMBERS)
    numbers = dict.fromkeys(CURVE_NUMBERS, FINITE) | {"step": COUNT, "seeds": COUNT}
    return keyed(table, path, ("lineage", "step"), numbers=numbers)


def read_crossings(path: str | Path, curves: pd.DataFrame) -> pd.DataFrame:
    """Read a table of `crossings` that was written to a file.

    Args:
        curves: of the same runs: each of its lineages but the first crosses that one; a single one crosses nothing.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=CROSSINGS, numbers=CROSSING_NUMBERS)
    first, *others = dict.fromkeys(curves["lineage"])
    if others:
        values = {"lineage": others, "compared_with": [first], "outcome": (OVERTAKES, AHEAD, BEHIND)}
        keyed(table[table["run"] == "mean"], path, "lineage", "run", values=values | {"run": ["mean"]})
        blank = {"step": table["outcome"] != OVERTAKES, "published": True}
        keyed(
            table, path, "lineage", "run", numbers=dict.fromkeys(CROSSING_NUMBERS, FINITE), values=values, blank=blank
        )
    return table


def over_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of reward and smoothed reward; `low` and `high` are the lowest and highest smoothed seed."""
    return (
        runs.groupby(["lineage", "stage", "step"], sort=False)
        .agg(
            reward=("reward", "mean"),
            smoothed=("smoothed", "mean"),
            low=("smoothed", "min"),
            high=("smoothed", "max"),
            seeds=("seed", "nunique"),
        )
        .reset_index()[CURVES]
    )


def crossings(runs: pd.DataFrame) -> pd.DataFrame:
    """Where the first lineage overtakes each other one: in the mean over seeds, and with every seed by itself.

    Returns:
        CROSSINGS: `step` is that of `crossing`; `final` the last smoothed rewards; `published` the paper's step for its
        cold start.
    """
    first, *others = dict.fromkeys(runs["lineage"])
    mean = runs.groupby(["lineage", "step"], sort=False)["smoothed"].mean().reset_index()
    curves = {"mean": mean} | {f"seed {seed}": part for seed, part in runs.groupby("seed")}
    rows = []
    for other in others:
        for run, part in curves.items():
            wide = part.pivot(index="step", columns="lineage", values="smoothed").dropna()
            outcome, step = crossing(wide[first].to_numpy(), wide[other].to_numpy())
            rows.append(
                {
                    "lineage": other,
                    "compared_with": first,
                    "run": run,
                    "outcome": outcome,
                    "step": wide.index[step] if step is not None else None,
                    "final": wide[other].iloc[-1],
                    "final_compared_with": wide[first].iloc[-1],
                    "published": COLD_START_CROSSING if ".cold." in other else None,
                }
            )
    return pd.DataFrame(rows, columns=CROSSINGS)


def crossing(curve: np.ndarray, other: np.ndarray) -> tuple[str, int | None]:
    """How `curve` stands to `other`, both (steps,), and the index of the step from which it stays above to the end.

    Returns:
        OVERTAKES and that index; AHEAD and None where it was above from the first step; BEHIND and None where it is not
        above at the last.
    """
    not_above = np.flatnonzero(curve <= other)
    if not len(not_above):
        return AHEAD, None
    if not_above[-1] == len(curve) - 1:
        return BEHIND, None
    return OVERTAKES, int(not_above[-1]) + 1

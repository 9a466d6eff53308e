"""One row per step: hours, disk and the longest path, as planned and as taken."""

from collections.abc import Collection, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import fmean

import pandas as pd

from viper.config.schema import Scale
from viper.config.values import has_place, value_at, with_value
from viper.cost.rates import Rates, Saving
from viper.cost.timings import read_measured
from viper.cost.work import Estimate, disk_of, estimate
from viper.workflow.graph import Job

TOTAL = "all"


def plan(jobs: Sequence[Job], scale: Scale, rates: Rates) -> list[Estimate]:
    """What each job takes: as in an earlier run, else as jobs that do the same, on average, else by the rates."""
    seconds = [_seconds(job) for job in jobs]
    costs = []
    for job, own in zip(jobs, seconds, strict=True):
        by_rates = estimate(job, scale, rates)
        pairs = zip(jobs, seconds, strict=True)
        alike = [own] if own is not None else [known for other, known in pairs if known and _does_the_same(other, job)]
        costs.append(Estimate(fmean(alike), disk_of(job) or by_rates.bytes, "measured") if alike else by_rates)
    return costs


def _does_the_same(one: Job, other: Job) -> bool:
    """Whether two jobs of a rule differ in nothing but their shard or seed."""
    return one.rule == other.rule and all(
        one.wildcards[key] == value for key, value in other.wildcards.items() if key not in ("shard", "seed")
    )


def _seconds(job: Job) -> float | None:
    """What the job took in its last run, if it ran."""
    if job.benchmark is None or not Path(job.benchmark).is_file():
        return None
    return read_measured(job.benchmark)["s"]


def taken(jobs: Sequence[Job]) -> list[Estimate | None]:
    """What each job took; None for a job that has not run."""
    seconds = [_seconds(job) for job in jobs]
    return [
        None if each is None else Estimate(each, disk_of(job), "measured")
        for job, each in zip(jobs, seconds, strict=True)
    ]


def by_step(jobs: Sequence[Job], costs: Sequence[Estimate | None]) -> pd.DataFrame:
    """Add up the jobs of each step, and of all.

    Returns:
        One row per step, in the order in which they end where no job waits for a node, and a last one for all: step,
        jobs, gpu_hours, cpu_hours (of the GPUs and threads that the jobs hold), longest_hours (the longest chain of its
        jobs that wait for each other: no number of nodes makes it shorter), disk_gb, basis (what the hours rest on, the
        weakest of its jobs').
        Jobs without a cost count as nothing.
    """
    known = [(job, cost) for job, cost in zip(jobs, costs, strict=True) if cost is not None and job.benchmark]
    steps: dict[str, float] = {}
    for (job, _), end in zip(known, _ends(known), strict=True):
        steps[job.rule] = max(end, steps.get(job.rule, 0.0))
    rows = [_row(step, [pair for pair in known if pair[0].rule == step]) for step in sorted(steps, key=steps.get)]
    return pd.DataFrame([*rows, _row(TOTAL, known)])


def _row(step: str, costs: Sequence[tuple[Job, Estimate]]) -> dict[str, object]:
    bases = {cost.basis for _, cost in costs}
    return {
        "step": step,
        "jobs": len(costs),
        "gpu_hours": sum(cost.seconds * job.gpus for job, cost in costs) / 3600,
        "cpu_hours": sum(cost.seconds * job.threads for job, cost in costs) / 3600,
        "longest_hours": max(_ends(costs), default=0.0) / 3600,
        "disk_gb": sum(cost.bytes for _, cost in costs) / 1e9,
        "basis": next((basis for basis in ("limit", "estimate") if basis in bases), "measured"),
    }


def _ends(costs: Sequence[tuple[Job, Estimate]]) -> list[float]:
    """Seconds until the end of each job, where it waits for nothing but the files of the others that it needs."""
    makers = {name: number for number, (job, _) in enumerate(costs) for name in job.outputs}
    needs = {number: {makers[name] for name in job.inputs if name in makers} for number, (job, _) in enumerate(costs)}
    until: dict[int, float] = {}
    for number in TopologicalSorter(needs).static_order():
        until[number] = costs[number][1].seconds + max((until[each] for each in needs[number]), default=0.0)
    return [until[number] for number in range(len(costs))]


def too_short(jobs: Sequence[Job], costs: Sequence[Estimate]) -> dict[str, tuple[float, float]]:
    """Steps with a job that takes longer than the time limit it asks for: step → (its hours, the limit's)."""
    found: dict[str, tuple[float, float]] = {}
    for job, cost in zip(jobs, costs, strict=True):
        hours, limit = cost.seconds / 3600, (job.minutes or 0) / 60
        if cost.basis != "limit" and limit and hours > max(limit, found.get(job.rule, (0, 0))[0]):
            found[job.rule] = (hours, limit)
    return found


def beside(planned: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """Return step, basis, and the other columns as planned and as taken; empty where nothing of a step has run."""
    quantities = ["jobs", "gpu_hours", "cpu_hours", "longest_hours", "disk_gb"]
    both = planned.merge(taken[["step", *quantities]], on="step", how="left", suffixes=("_planned", "_taken"))
    columns = [f"{name}_{which}" for name in quantities for which in ("planned", "taken")]
    return both[["step", "basis", *columns]].convert_dtypes()


def savings(jobs: Sequence[Job], main: Collection[Job], scale: Scale, rates: Rates) -> pd.DataFrame:
    """GPU-hours that a run takes less, by the rates alone: with each of `rates.savings`, and where only `main` is made.

    Args:
        main: of the jobs, those of the main experiment.

    Returns:
        saving, gpu_hours (saved), left (of the run), source: one row each, then all of them together.
    """
    whole = _gpu_hours(jobs, scale, rates)
    fitting = [saving for saving in rates.savings if _is_offered(saving, scale)]
    rows = [(each.name, whole - _gpu_hours(jobs, _with(scale, [each]), rates), each.source) for each in fitting]
    few = [job for job in jobs if job in main]
    if set(main) < set(jobs):
        rows.append(("the main experiment alone", whole - _gpu_hours(few, scale, rates), "the target main: no ablations"))
        together = _gpu_hours(few, _with(scale, fitting), rates)
    else:
        together = _gpu_hours(jobs, _with(scale, fitting), rates)
    if len(rows) > 1:
        rows.append(("all of these", whole - together, ""))
    return pd.DataFrame(
        [{"saving": name, "gpu_hours": hours, "left": whole - hours, "source": source} for name, hours, source in rows],
        columns=["saving", "gpu_hours", "left", "source"],
    )


def _gpu_hours(jobs: Sequence[Job], scale: Scale, rates: Rates) -> float:
    return sum(estimate(job, scale, rates).seconds * job.gpus for job in jobs) / 3600


def _is_offered(saving: Saving, scale: Scale) -> bool:
    """Whether a scale has all of a saving's parameters, with other values."""
    return all(value_at(scale, place) == value for place, value in saving.instead.items()) and all(
        has_place(scale, place) and value_at(scale, place) != value for place, value in saving.values.items()
    )


def _with(scale: Scale, chosen: Sequence[Saving]) -> Scale:
    for place, value in [pair for saving in chosen for pair in saving.values.items()]:
        scale = with_value(scale, place, value)
    return scale

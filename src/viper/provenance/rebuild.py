"""Making files again somewhere else: which jobs run, and what they are given."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from viper.layout import is_of_target
from viper.manifest import MANIFEST
from viper.tools import call
from viper.workflow.graph import Graph, Job

# Base models come from outside of the experiment: no rebuilding goes behind them.
FETCHING = {"fetch_pretrained", "fetch_model", "fetch_benchmark", "fetch_benchmark_pictures"}


class Start(StrEnum):
    """How far back making a file again starts."""

    DATA = "data"  # what its own rule reads: a figure's table, a table's predictions
    PREDICTIONS = "predictions"  # every table on the way is made again
    CHECKPOINTS = "checkpoints"  # every evaluation too
    SCRATCH = "scratch"  # everything but the base models


@dataclass(frozen=True)
class Plan:
    """The rules that run, and the files that they are given instead of making them."""

    rules: tuple[str, ...]
    given: tuple[str, ...]


def plan(graph: Graph, files: Collection[str], start: Start) -> Plan:
    """What making `files` again takes, starting as far back as `start` says."""
    maker, rules = graph.maker(), {graph.maker()[path].rule for path in files}
    while True:
        given, reached, waiting = set(), set(), list(files)
        while waiting:
            path = waiting.pop()
            job = maker.get(path)
            if job is None or job in reached:
                continue
            if job.rule not in rules and _is_given(path, job, start):
                given.add(path)
                continue
            reached.add(job)
            waiting += job.inputs
        # A rule that runs makes all of its files, also those that another job is given.
        if (running := {job.rule for job in reached}) == rules:
            return Plan(tuple(sorted(rules)), tuple(sorted(given)))
        rules |= running


def _is_given(path: str, job: Job, start: Start) -> bool:
    if start is Start.DATA or job.rule in FETCHING:
        return True
    if start is Start.PREDICTIONS:
        return not is_of_target(path)
    return start is Start.CHECKPOINTS and any(PurePosixPath(out).name == MANIFEST for out in job.outputs)


def execute(root: Path, rules: Collection[str], files: Iterable[str], scale: str, *, more: Sequence[str] = ()) -> None:
    """Run Snakemake with only some rules: what the others would make is there.

    Args:
        more: further `key=value` of Snakemake's --config.

    Raises:
        ViperError: a job failed.
    """
    arguments = ["--cores", "all", "--config", f"scale={scale}", *more, "--allowed-rules", *rules]
    call("snakemake", *arguments, "--", *files, root=root)

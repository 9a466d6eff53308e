"""The reviewer's check: run rules again in a copy, and compare what they make with what is here."""

from collections.abc import Collection, Iterator
from pathlib import Path

from viper.errors import ViperError
from viper.provenance import rebuild
from viper.provenance.compare import Comparison, compare
from viper.provenance.graph import Graph, Job, read
from viper.provenance.rebuild import FETCHING, RESULTS_OF_ANALYSIS
from viper.provenance.stages import EVERYTHING
from viper.provenance.worktree import copied

MEASURING = {"timings", "cost"}  # what they make says how long this run took, never the same twice


def verify(
    scale: str, rules: Collection[str] = (), everything: bool = False, root: Path = Path()
) -> Iterator[tuple[str, Comparison | None]]:
    """Yield each artefact with its comparison; None where it cannot be checked, because an input is not here.

    Args:
        scale: of params.yaml.
        rules: those to run again; none means the cheap ones: tables and figures whose inputs are results themselves.
        everything: run every rule again, from the base models.

    Raises:
        ViperError: an unknown rule, nothing to check, or a job that fails.
    """
    graph = read([EVERYTHING], scale, root)
    jobs = _chosen(graph, rules, everything)
    inside = {path for job in jobs for path in job.outputs}
    ready = [job for job in jobs if all(path in inside or (root / path).exists() for path in job.inputs)]
    given = sorted({path for job in ready for path in job.inputs} - {path for job in ready for path in job.outputs})
    for job in jobs:
        if job not in ready:
            yield from ((path, None) for path in job.outputs)
    artefacts = [path for job in ready for path in job.outputs]
    with copied(given, root) as place:
        if artefacts:
            rebuild.execute(place, sorted({job.rule for job in ready}), artefacts, scale)
        for path in artefacts:
            yield path, compare(root / path, place / path) if (root / path).exists() else None


def _chosen(graph: Graph, rules: Collection[str], everything: bool) -> list[Job]:
    jobs = [job for job in graph.jobs if job.rule not in FETCHING | MEASURING]
    if everything:
        return jobs
    if unknown := set(rules) - {job.rule for job in graph.jobs}:
        raise ViperError(
            f"no job of this scale runs the rule {', '.join(sorted(unknown))}: see `snakemake --list-rules`"
        )
    return [job for job in jobs if (job.rule in rules if rules else _is_cheap(job))]


def _is_cheap(job: Job) -> bool:
    places = {Path(path).parent.name for path in job.outputs}
    from_results = bool(job.inputs) and all(path.startswith("results/") for path in job.inputs)
    return from_results and places <= RESULTS_OF_ANALYSIS

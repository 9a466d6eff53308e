"""The reviewer's check: run rules again in a copy, and compare what they make with what is here."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from viper import digests
from viper.errors import ViperError
from viper.manifest import MANIFEST, model_folder
from viper.provenance import rebuild
from viper.provenance.compare import Comparison, compare
from viper.provenance.rebuild import FETCHING, RESULTS_OF_ANALYSIS
from viper.provenance.sidecar import read_sidecar
from viper.provenance.stages import EVERYTHING
from viper.provenance.worktree import copied
from viper.recorded import read_lock
from viper.workflow.graph import Graph, Job, read

MEASURING = {"timings", "cost"}  # what they make says how long this run took, never the same twice


def verify(
    scale: str, rules: Collection[str] = (), everything: bool = False, root: Path = Path()
) -> Iterator[tuple[str, Comparison | None]]:
    """Yield each artefact with its comparison; None where it cannot be checked, because it or an input is not here.

    What is here may be of fewer run seeds than params.yaml names (`make micro`): by the records beside the tables each
    is made again with its own.

    Args:
        scale: of params.yaml.
        rules: those to run again; none means the cheap ones: tables and figures whose inputs are results themselves.
        everything: run every rule again, from the base models.

    Raises:
        ViperError: an unknown rule, a broken dvc.lock, a damaged input, or a job that fails.
    """
    read_lock(root)  # inputs are held to it
    graph = read([EVERYTHING], scale, root)
    jobs = _chosen(graph, rules, everything)
    groups: dict[tuple[int, ...], list[Job]] = defaultdict(list)
    for job in jobs:
        groups[_other_seeds(graph, job, root)].append(job)
    for seeds, group in groups.items():
        more = [f"scales={{{scale}: {{run_seeds: {list(seeds)}}}}}"] if seeds else []
        wanted = {path for job in group for path in job.outputs}
        if seeds:
            chosen = _chosen(read([EVERYTHING], scale, root, more), rules, everything)
            group = [job for job in chosen if wanted.intersection(job.outputs)]
            yield from ((path, None) for path in sorted(wanted - {path for job in group for path in job.outputs}))
        yield from _verify(group, scale, more, root)


def _verify(jobs: list[Job], scale: str, more: list[str], root: Path) -> Iterator[tuple[str, Comparison | None]]:
    ready = _ready(jobs, root)
    made = {path for job in ready for path in job.outputs}
    given = sorted({path for job in ready for path in job.inputs} - made)
    for job in jobs:
        if job not in ready:
            yield from ((path, None) for path in job.outputs)
    for path in given:
        _check(root / path)
    artefacts = [path for job in ready for path in job.outputs]
    with copied(given, root) as place:
        if artefacts:
            rebuild.execute(place, sorted({job.rule for job in ready}), artefacts, scale, more=more)
        for path in artefacts:
            yield path, compare(root / path, place / path) if (root / path).exists() else None


def _ready(jobs: list[Job], root: Path) -> list[Job]:
    """The jobs of which something is here, and every input too, or another ready job makes it."""
    ready = [job for job in jobs if any((root / path).exists() for path in job.outputs)]
    while True:
        made = {path for job in ready for path in job.outputs}
        kept = [job for job in ready if all(path in made or (root / path).exists() for path in job.inputs)]
        if kept == ready:
            return ready
        ready = kept


def _check(path: Path) -> None:
    """Hold an input to what was noted or recorded of it; a manifest with every file that it lists."""
    digests.check(path)
    if path.name == MANIFEST:
        model_folder(path)


def _other_seeds(graph: Graph, job: Job, root: Path) -> tuple[int, ...]:
    """The run seeds that the record beside a job's outputs names; () where they are those of the graph, or unknown."""
    records = [record for path in job.outputs if (record := read_sidecar(root / path))]
    recorded = {seed for record in records for seed in record["run"]["run_seeds"]}
    names = [path for each in graph.closure(job.outputs) for path in each.inputs]
    planned = {int(seed) for path in names for seed in re.findall(r"/seed(\d+)/", path)}
    return tuple(sorted(recorded)) if recorded and recorded != planned else ()


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

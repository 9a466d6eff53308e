"""The reviewer's check: run rules again in a copy, and compare what they make with what is here."""

from collections.abc import Collection, Iterator
from pathlib import Path

from viper import digests
from viper.errors import ViperError
from viper.layout import RESULTS, is_of_target, seeds_apart
from viper.manifest import MANIFEST, model_folder
from viper.provenance import rebuild
from viper.provenance.compare import Comparison, compare
from viper.provenance.rebuild import FETCHING
from viper.provenance.stages import EVERYTHING, is_kept
from viper.provenance.worktree import copied
from viper.recorded import read_lock
from viper.workflow.graph import Graph, Job, read

MEASURING = {"timings", "cost"}  # what they make says how long this run took, never the same twice


def verify(
    scale: str, rules: Collection[str] = (), everything: bool = False, root: Path = Path()
) -> Iterator[tuple[str, Comparison | None]]:
    """Yield each artefact with its comparison; None where it cannot be checked, because it or an input is not here.

    Tables and figures of other seeds than the scale's own (`make micro`) lie in folders that say so, and are made
    again with those.

    Args:
        scale: of params.yaml.
        rules: those to run again; none means the cheap ones: tables and figures whose inputs are results themselves.
        everything: run every rule again, from the base models.

    Raises:
        ViperError: an unknown rule, a broken dvc.lock, a damaged input, or a job that fails.
    """
    read_lock(root)  # inputs are held to it
    done: set[str] = set()
    for seeds in (None, *_other_seeds(scale, root)):
        more = [f"scales={{{scale}: {{seeds: {list(seeds)}}}}}"] if seeds else []
        jobs = _chosen(read([EVERYTHING], scale, root, more), rules, everything)
        if seeds:  # of a run apart only what it made
            jobs = [job for job in jobs if any((root / path).exists() for path in job.outputs)]
        yield from _verify([job for job in jobs if done.isdisjoint(job.outputs)], scale, more, root)
        done |= {path for job in jobs for path in job.outputs}


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


def _other_seeds(scale: str, root: Path) -> list[tuple[int, ...]]:
    """The seeds of which there are tables and figures in folders apart."""
    names = sorted(path.name for path in (root / RESULTS / scale).glob("*") if path.is_dir())
    return sorted({seeds for name in names if (seeds := seeds_apart(name))})


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
    from_results = bool(job.inputs) and all(is_kept(path) for path in job.inputs)
    return from_results and all(is_of_target(path) for path in job.outputs)

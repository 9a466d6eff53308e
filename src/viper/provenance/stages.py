"""DVC stages from the Snakemake graph: a stage is a target, its deps and outs are the files on the target's boundary.

The only declaration here is the order of the targets; what a step depends on, its rule says. Each stage owns what its
target needs and no earlier stage owns, so what several experiments share belongs to the first of them, and no stage
depends on a later one.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from viper.config.inheritance import origins
from viper.config.places import SCALES
from viper.config.schema import Scale
from viper.errors import ViperError
from viper.layout import DATA, MODELS, RESULTS, Layout, manifest, seed_of
from viper.prompts import FOLDER as PROMPTS
from viper.provenance.sidecar import SUFFIX, has_sidecar
from viper.workflow.graph import Graph, Job
from viper.workflow.source import SOURCE, prompt_sets, sources

SYNTHESIS = ("captions", "reconstructions", "critiques", "refinements", "operations", "edits", "dataset")
EVERYTHING, QUESTIONS, ARCHIVED = "all", "open_questions", "archive"
WHOLE = (ARCHIVED, EVERYTHING)  # what a scale consists of
# What is recorded; downloads lie in the cache, named by their commit.
MADE = tuple(f"{folder}/" for folder in (DATA, MODELS, RESULTS))


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml.

    Attributes:
        name: of the stage.
        scale, target: what Snakemake makes: a target of its name, or all of a scale of its name.
        doc: what it is, in a sentence.
        deps: files and folders that it reads: other stages' outs, stored models, source files.
        params: dotted keys of the tree of parameters (`viper.config.places`).
        outs: files and folders that only it writes.
        files: all that rules write below its outs.
        rules: names of the rules whose jobs it owns.
    """

    name: str
    scale: str
    target: str
    doc: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    files: tuple[str, ...]
    rules: tuple[str, ...]


def stage_names(name: str, scale: Scale) -> list[str]:
    """The targets that are DVC stages, each after those whose products it takes over.

    Args:
        name, scale: of one scale. Where it takes another's base models, its target `pretrain` is no part of it.
    """
    has_own_models = manifest(scale.models.vlm.path) == Layout(name).base_model("vlm")
    names = [*(["pretrain"] if has_own_models else []), "images", *SYNTHESIS, "benchmarks"]
    names += ["threshold"] if scale.reward.tau == "calibrated" else []
    names += ["measure_base_models"] if scale.models.checker else []
    names += ["audit_synthesis"] if scale.has_truth else []
    for experiment in scale.experiments:
        names += [f"train_{experiment}", f"evaluate_{experiment}", experiment]
    names += ["claims", "figures", EVERYTHING]
    # Behind all that the paper reports: what both need is part of the paper's.
    for question in scale.questions:
        evaluated = [f"evaluate_{question}"] if question in scale.answered_by_benchmarks else []
        names += [f"train_{question}", *evaluated, question]
    return [*names, *([QUESTIONS] if scale.questions else [])]


def chosen(planned: Sequence[Stage], targets: Sequence[str]) -> list[Stage]:
    """The stages of some targets: an experiment's with its training and evaluation, a scale's with its archive.

    `all` stands for what it gathers, with everything that this is made of, `open_questions` for all questions.

    Args:
        planned: all stages, in their order.
        targets: none for all of them.

    Raises:
        ViperError: there is no stage of such a name.
    """
    names = [stage.name for stage in planned]
    if unknown := [name for name in targets if name not in names]:
        raise ViperError(f"dvc.yaml has no stage {unknown[0]!r}: choose among {', '.join(names)}")
    wanted = {f"{part}{name}" for name in targets for part in ("", "train_", "evaluate_", f"{ARCHIVED}_")}
    border = names.index(EVERYTHING) + 1
    wanted |= {*names[:border]} if EVERYTHING in targets else set()
    wanted |= {*names[border : names.index(QUESTIONS)]} if QUESTIONS in targets else set()
    return [stage for stage in planned if not targets or stage.name in wanted]


def whole(graph: Graph, scale: str, keys: dict, stored: Mapping[str, str] | None = None) -> list[Stage]:
    """A scale that repeats another one as two stages: its results, under its name, and before them its archive.

    Args:
        graph: holds the targets of `WHOLE`.
        scale, keys, stored: see `stages`.
    """
    archive, results = stages(graph, WHOLE, scale, keys, stored)
    return [
        replace(archive, name=f"{ARCHIVED}_{scale}", doc=f"The data sets and checkpoints of the scale {scale}."),
        replace(results, name=scale, doc=f"The results of the scale {scale}, which repeats the recorded one."),
    ]


def is_kept(path: str) -> bool:
    """Whether an out lies in the remote inside the repository: results do, data sets and checkpoints are too large."""
    return path.startswith(f"{RESULTS}/")


def stages(
    graph: Graph, names: Sequence[str], scale: str, keys: dict, stored: Mapping[str, str] | None = None
) -> list[Stage]:
    """Cut a graph into stages.

    A stage of results depends on what is kept in the repository alone: in place of a data set or checkpoint, which may
    be out of reach, on what that was made from. So it is up to date wherever the repository is. What makes both, as
    training makes a checkpoint and curves, is in two stages: one for what is kept, one for what is not.

    Args:
        graph: holds all of `names` as targets.
        names: in the order in which jobs are given away.
        scale: name of the scale.
        keys: the tree of parameters as it is written, to name only keys that exist, and those that they extend.
        stored: files and folders that a .dvc file tracks, which are no stage's outs, and the file in git that stands
            for each.

    Raises:
        ViperError: the graph lacks one of the targets.
    """
    stored = stored or {}
    owner: dict[Job, str] = {}
    keeper: dict[Job, str] = {}
    for name in names:
        if name not in graph.targets:
            raise ViperError(f"no rule '{name}', which is to be a DVC stage: add a target of that name to rules/")
        is_of_results = all(is_kept(path) for path in graph.targets[name])
        for job in graph.closure(graph.targets[name]):
            owner.setdefault(job, name)
            if is_of_results:
                keeper.setdefault(job, name)
    keeper = owner | keeper
    files = {
        path: keeper[job] if is_kept(path) else owner[job]
        for job in owner
        for path in job.outputs
        if path.startswith(MADE) and not _covering(path, stored)
    }
    outs = _outs(files)
    # What fetches stored models belongs to no stage: DVC tracks the models by themselves.
    seeds = _seeds(files)
    return [_stage(name, graph, files, outs, scale, keys, stored, seeds) for name in names]


def _stage(
    name: str,
    graph: Graph,
    files: dict[str, str],
    outs: dict[str, str],
    scale: str,
    keys: dict,
    stored: Mapping[str, str],
    seeds: set[int],
) -> Stage:
    mine = {path for path, stage in outs.items() if stage == name}
    owned = [job for job in graph.jobs if any(files.get(path) == name for path in job.outputs)]
    read = [path for job in owned for path in job.inputs] + list(graph.targets[name])
    jobs = owned
    if all(is_kept(path) for path in (*mine, *graph.targets[name])):
        jobs, read = _behind(graph, owned, read, stored)
    data = {stored.get(_covering(path, stored), "") or _covering(path, outs) or path for path in read} - mine
    sections = {key for job in jobs for key in _sections(job)}
    written = sorted(path for path, stage in files.items() if stage == name)
    if jobs and (run_with := _seeds(written)):
        # What lacks some seed is made for the open questions alone, which ask fewer.
        sections |= {"seeds"} if run_with == seeds else {"seeds", "question_seeds"}
    return Stage(
        name,
        scale,
        name,
        " ".join(graph.docs.get(name, "").split()),
        deps=(*sorted(data), *_source_deps(jobs)),
        params=tuple(_outermost({key for section in sections for key in _keys(scale, section, keys)})),
        outs=tuple(sorted(mine)),
        files=tuple(written),
        rules=tuple(sorted({job.rule for job in owned})),
    )


def _seeds(paths: Iterable[str]) -> set[int]:
    """The seeds of the runs that these files are of."""
    return {seed for path in paths if (seed := seed_of(path)) is not None}


def _behind(graph: Graph, owned: list[Job], read: list[str], stored: Mapping[str, str]) -> tuple[list[Job], list[str]]:
    """The jobs that stand behind some results, through everything that is not kept, and what all of them start from."""
    maker, jobs, start, waiting = graph.maker(), dict.fromkeys(owned), dict[str, None](), list(dict.fromkeys(read))
    seen = set(waiting)
    while waiting:
        path = waiting.pop(0)
        if is_kept(path) or path not in maker or _covering(path, stored):
            start[path] = None
            continue
        job = maker[path]
        jobs[job] = None
        waiting += [each for each in job.inputs if each not in seen]
        seen |= set(job.inputs)
    return list(jobs), list(start)


def _sections(job: Job) -> tuple[str, ...]:
    """The sections that a job's rule names; the whole scale, which is always right, where it names none."""
    return ("",) if job.sections is None else job.sections


def _outs(files: dict[str, str]) -> dict[str, str]:
    """Files and their stages as outs: the outermost folder below data/SCALE/, models/SCALE/ and results/SCALE/ in which
    all files are one stage's.

    Folders, because they also hold what the graph does not name: a checkpoint's weights beside its manifest. And
    because one line of dvc.yaml then stands for all seeds.
    """
    owners: dict[str, set[str]] = {}
    for path, stage in files.items():
        for folder in PurePosixPath(path).parents:
            if len(folder.parts) > 2:
                owners.setdefault(str(folder), set()).add(stage)
    whole = {folder: next(iter(stages)) for folder, stages in owners.items() if len(stages) == 1}
    outermost = {folder: whole[folder] for folder in _outermost(whole, "/")}
    single = {path: stage for path, stage in files.items() if not _covering(path, outermost)}
    single |= {path + SUFFIX: stage for path, stage in single.items() if has_sidecar(path)}
    return outermost | single


def _covering(path: str, places: Container[str]) -> str | None:
    """The file or folder among `places` that is `path` or holds it."""
    return next((str(p) for p in (PurePosixPath(path), *PurePosixPath(path).parents) if str(p) in places), None)


def _outermost(names: Iterable[str], separator: str = ".") -> list[str]:
    """Names without those that lie below another of them."""
    names = set(names)

    def above(name: str) -> Iterator[str]:
        while separator in name:
            name = name.rpartition(separator)[0]
            yield name

    return sorted(name for name in names if names.isdisjoint(above(name)))


def _keys(scale: str, section: str, keys: dict) -> set[str]:
    """The dotted keys that a section of a scale is made of, its own and those that it extends; of a whole scale, the
    keys of its sections, since it may stand in several files."""
    found = origins(keys, ".".join(filter(None, (SCALES, scale, section))))
    whole = {key for key in found if key.count(".") == 1}
    return found - whole | {f"{key}.{each}" for key in whole for each in keys[SCALES][key.partition(".")[2]]}


def _source_deps(jobs: list[Job]) -> list[str]:
    """What the jobs are written in: rule files, the parts of the package that their commands use, and their prompts."""
    if not jobs:
        return []
    rules = {"Snakefile", "rules/common.smk", *(job.file for job in jobs)}
    used = {path for job in jobs if job.command for path in sources(job.command, prompt_sets(job.params))}
    code = {path for path in used if path.is_relative_to(PROMPTS)}  # each by itself: nobody asks with all of them
    for part in sorted({SOURCE.joinpath(*path.relative_to(SOURCE).parts[:2]) for path in used - code}):
        files = {path for path in used if part in (path, *path.parents)}
        code |= files if len(files) <= 3 else {part}  # up to three files of a subpackage by name, more as their folder
    return [*sorted(rules), *sorted(path.relative_to(SOURCE.parent).as_posix() for path in code)]

"""Recording a finished run in dvc.lock, and taking a recorded one over: `make record` and `make pull`."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from viper.config.places import SCALES, in_file
from viper.errors import ViperError
from viper.layout import seed_of
from viper.listings import cache_folder
from viper.provenance import dvc_yaml, fetching, mine, objects
from viper.provenance.stages import Stage, chosen
from viper.provenance.worktree import at_commit, lend
from viper.recorded import DVC_LOCK, REMEDY, read_lock
from viper.tools import call, has_git, listed, planned_rules, plans_nothing
from viper.workflow.metadata import LOCKS


@dataclass(frozen=True)
class State:
    """What `dvc status` says, in three kinds.

    Attributes:
        missing: recorded outs that are not there, or of which some files are not.
        other: recorded outs that are there with other bytes.
        outdated: stages whose parameters, source files or given inputs are not those of the recording, with those.
    """

    missing: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    outdated: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pulled:
    """What `pull` did.

    Attributes:
        missing: recorded outs that lie in a remote out of reach.
        stale: recorded outs of an older run than the rest: left out.
        edited: what was edited since the recording.
        damaged: what DVC's cache had with other bytes, in words.
        moved: one's own files that were in the way.
        aside: the folder where they are now.
        said: what DVC said where it could not fetch all, in one line.
    """

    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    aside: Path | None = None
    said: str = ""


def record(root: Path = Path(), targets: Sequence[str] = ()) -> int:
    """Write dvc.lock from a finished Snakemake run, as `dvc repro` would have.

    Args:
        targets: what is recorded (`stages.chosen`), and the rest as it was recorded before; none for everything.

    Returns:
        The number of stages that were recorded; 0 where everything here is as dvc.lock records it already.

    Raises:
        ViperError: dvc.lock is broken, dvc.yaml is out of date, or anything is to be made again or missing: what, and
            what to do.
    """
    read_lock(root)  # a broken one is named before Snakemake is asked
    planned = chosen(dvc_yaml.check(root)[1], targets)
    scales = dict.fromkeys(stage.scale for stage in planned)
    if not all(_is_finished(scale, [stage for stage in planned if stage.scale == scale], root) for scale in scales):
        return 0
    # Without a target, DVC also writes the .dvc files anew, which then seem younger than the models fetched by them; of
    # stages by name it writes dvc.lock anew after each one.
    which = [stage.name for stage in planned] if targets else [dvc_yaml.DVC_YAML]
    call("dvc", "commit", "--force", "--no-relink", "--quiet", *which, root=root)
    objects.keep_listings(cache_folder(root), root)
    return len(planned)


def _is_finished(scale: str, planned: list[Stage], root: Path) -> bool:
    """Whether all that some stages of one scale make is here; False where what is missing is recorded, and all else is
    as recorded.

    Raises:
        ViperError: see `record`.
    """
    targets = [stage.target for stage in planned]
    dry = call("snakemake", "--dry-run", "--config", f"scale={scale}", "--", *targets, root=root)
    if not plans_nothing(dry) and not _is_only_missing(root):
        collecting = set(targets) - {rule for stage in planned for rule in stage.rules}
        rules = ", ".join(rule for rule in planned_rules(dry) if rule not in collecting)
        raise ViperError(
            f"nothing is recorded: not everything is up to date, Snakemake would run {rules}. "
            f"Run `snakemake --cores all --config scale={scale} -- {' '.join(targets)}` first"
        )
    if missing := [file for stage in planned for file in stage.files if not (root / file).exists()]:
        if _is_only_missing(root):
            return False
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ViperError(
            f"nothing is recorded: {', '.join(missing[:5])}{more} missing. Fetch them (`make pull`), or make them: "
            f"`snakemake --cores all --config scale={scale} -- {' '.join(_targets(planned, missing))}`"
        )
    if foreign := _foreign(planned, root):
        raise ViperError(
            f"nothing is recorded: {foreign} is of a seed that scale {scale} has not, and would be recorded with the "
            f"others: move it away, or add the seed to `seeds` in {in_file((SCALES, scale))[0]}"
        )
    return True


def _foreign(planned: list[Stage], root: Path) -> str | None:
    """A file of a seed that none of the planned ones has, in a folder that is recorded as a whole."""
    seeds = {seed_of(file) for stage in planned for file in stage.files}
    for out in sorted(out for stage in planned for out in stage.outs):
        files = (file.relative_to(root).as_posix() for file in (root / out).rglob("*") if file.is_file())
        if foreign := next((file for file in files if seed_of(file) not in {None, *seeds}), None):
            return foreign
    return None


def _is_only_missing(root: Path) -> bool:
    """Whether everything that is here is as recorded, from the parameters, code and inputs that are here."""
    state = status(root)
    return bool(read_lock(root).outs) and not state.other and not state.outdated


def _targets(planned: list[Stage], missing: list[str]) -> list[str]:
    """The targets to ask Snakemake for, so that it makes the missing files."""
    stages = {file: stage.target for stage in planned for file in stage.files}
    return sorted({stages[file] for file in missing})


def pull(root: Path = Path()) -> Pulled:
    """Fetch what is recorded, check it against dvc.lock, and tell Snakemake that it is up to date.

    What lies in a remote that cannot be reached stays missing: Snakemake does not need a checkpoint as long as nothing
    that depends on it must be made again. One's own files that differ from the recorded ones are set aside (mine.py).

    Where parameters or code were edited after the recording, Snakemake is told with those of the recording: it then
    makes again what the edits concern.

    Raises:
        ViperError: the repository's store was damaged, a Snakemake run is at work here, or no commit has the code that
            made the recorded files. Nothing was changed then but what was restored from git.
    """
    if any(path.is_file() for path in (root / LOCKS).glob("*")):
        raise ViperError(
            "a run of Snakemake is at work in this folder, or was killed: wait for its end, or, if none is, say "
            "`snakemake --unlock`; then run the same command again. Nothing was changed"
        )
    if not read_lock(root).outs and has_git(root) and listed("ls-files", DVC_LOCK, root=root):
        raise ViperError(f"{root / DVC_LOCK}: missing, though git tracks it. {REMEDY}")
    objects.check_store(root)
    cache = cache_folder(root)
    damaged = objects.drop_damaged(cache, objects.tracked(root))  # before DVC, which removes some without a word
    said = ""
    with _as_recorded(root) as recording:
        place, outs = recording.place, read_lock(root).outs
        stale = [path for path, entry in outs.items() if entry.stage in recording.stale]
        recorded = {path: md5 for path, md5 in objects.tracked(root).items() if path not in stale}
        objects.fill_cache(cache, recorded, root)
        if lacking := [path for path, md5 in recorded.items() if not objects.is_here(path, md5, cache)]:
            said = fetching.fetch({path: recorded[path] for path in lacking}, cache, root)
            damaged += objects.drop_damaged(cache, {path: recorded[path] for path in lacking})
        moved = [
            *mine.differing(recorded, [root / objects.STORE, cache], root),
            *(path for path in stale if (root / path).exists()),
        ]
        aside = mine.set_aside(moved, root)
        out_of_reach = {path: md5 for path, md5 in recorded.items() if not objects.put(path, md5, [cache], root)}
        missing = [path for path, md5 in out_of_reach.items() if not _is_whole(path, md5, cache, root)]
        if outs:
            if place != root:
                lend(root, place)
            known = dvc_yaml.targets_of(place)
            recorded_ones = [known[name] for name in known if name in read_lock(root).stages]
            for scale in dict.fromkeys(scale for scale, _ in recorded_ones):
                targets = [target for of, target in recorded_ones if of == scale]
                touch = ("snakemake", "--touch", "--forceall", "--cores", "1", "--config", f"scale={scale}")
                call(*touch, "--", *targets, root=place)
    return Pulled(tuple(missing), tuple(stale), recording.edited, tuple(damaged), tuple(moved), aside, said)


def _is_whole(path: str, md5: str, cache: Path, root: Path) -> bool:
    """Whether every file behind a recorded path is here, as far as can be told."""
    files = objects.files_of(path, md5, root / objects.STORE, cache)
    return (root / path).exists() and all((root / name).exists() for name in files or ())


@dataclass(frozen=True)
class Recording:
    """Where the parameters and code of the recording are.

    Attributes:
        place: the repository itself where nothing was edited, and otherwise a worktree of the commit that recorded it.
        edited: what was edited since then, in words.
        stale: stages whose record is of an older run than that of the others (`Lock.older`).
    """

    place: Path
    edited: tuple[str, ...] = ()
    stale: frozenset[str] = frozenset()


@contextmanager
def _as_recorded(root: Path) -> Iterator[Recording]:
    """Yield the recording of `root`.

    `dvc repro TARGET` records what TARGET needs; other stages then still have an older record, and what that names was
    not part of this run.

    Raises:
        ViperError: no commit has the code of the recording.
    """
    lock = read_lock(root)
    edited = status(root).outdated if lock.outs else {}
    stale = lock.older(edited)
    if edited.keys() <= stale:
        yield Recording(root, stale=stale)
        return
    commit = call("git", "log", "-1", "--format=%h", "--", DVC_LOCK, root=root).strip()
    if not commit:
        raise ViperError(f"{DVC_LOCK} is in no commit, so nobody knows the code that made the files: commit it")
    with at_commit(commit, root) as place:
        is_the_same = (place / DVC_LOCK).read_bytes() == (root / DVC_LOCK).read_bytes()
        others = status(place).outdated if is_the_same else edited
        stale = lock.older(others)
        if results := [line for stage, lines in others.items() if stage not in stale for line in lines]:
            raise ViperError(
                f"commit {commit} has not the code that the files of {DVC_LOCK} were made with; others are:\n"
                + "\n".join(f"  {line}" for line in results[:20])
                + f"\nCommit {DVC_LOCK} together with that code, or take the last commit's: "
                f"`git checkout {commit} -- {DVC_LOCK}`; then run the same command again"
            )
        lines = Counter(line.partition(": ")[2] for stage in edited if stage not in stale for line in edited[stage])
        yield Recording(place, tuple(f"{line} ({count} stages)" for line, count in sorted(lines.items())), stale)


def status(root: Path = Path()) -> State:
    """Compare the work tree with dvc.lock."""
    recorded = objects.tracked(root)
    with_record = read_lock(root).stages  # what was never recorded was not edited since
    folders = objects.places(root)

    def differs(path: str) -> bool:
        # Of a folder some may be missing, such as other seeds, while the rest is as recorded.
        return path not in recorded or bool(mine.differing({path: recorded[path]}, folders, root))

    missing, other, outdated = set(), set(), {}
    changes = json.loads(call("dvc", "status", "--json", root=root) or "{}")
    for stage, details in changes.items():
        lines = []
        for detail in details:
            if isinstance(detail, str):
                lines.append(f"stage {stage}: {detail}")
                continue
            for path, change in detail.get("changed outs", {}).items():
                is_missing = change in {"deleted", "not in cache"} or not differs(path)
                (missing if is_missing else other).add(path)
            for path, change in detail.get("changed deps", {}).items():
                # What is recorded itself is told of by the stage that makes it.
                if change != "deleted" and path not in recorded:
                    lines.append(f"stage {stage}: {_named(path, change)}")
        if lines and stage in with_record:
            outdated[stage] = tuple(lines)
    return State(tuple(sorted(missing)), tuple(sorted(other)), outdated)


def _named(path: str, change: str | dict) -> str:
    """A changed dep in words; of a parameter file DVC gives key → change."""
    return f"{path} {change}" if isinstance(change, str) else f"{path} {', '.join(change)}"

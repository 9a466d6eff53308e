"""Any recorded file from its hash: `python -m viper regenerate`."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper.checkout import relative
from viper.errors import ViperError
from viper.provenance import dvc_yaml, rebuild
from viper.provenance.compare import compare
from viper.provenance.fetching import UnreachableError, obtain, shortened
from viper.provenance.objects import STORE, check_store, entries, entry_of, files_of, places, put
from viper.provenance.rebuild import Start
from viper.provenance.sidecar import SUFFIX, md5, packages, read_sidecar
from viper.provenance.stages import is_kept
from viper.provenance.tree import scale_of
from viper.provenance.worktree import at_commit
from viper.recorded import DVC_LOCK, Entry, Lock, read_dvc_file, read_lock
from viper.tools import call, listed, run
from viper.workflow.graph import Graph, from_json

_BACK = "--from scratch needs base models only"
IDENTICAL, DIFFERENT, UNKNOWN, UNFETCHABLE, UNCOMMITTED, FAILED, OTHER_VERSIONS = 0, 1, 3, 4, 5, 6, 7


class RegenerateError(ViperError):
    """What stood in the way, with the exit status that says so."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Recorded:
    """A file as a commit records it."""

    commit: str
    path: str
    md5: str


def find(name: str, root: Path = Path()) -> Recorded:
    """Find the commit, path and MD5 behind a hash, `path@rev`, `rev:path`, or a path (as HEAD records it).

    The commit is the one that recorded it: the last, up to `rev`, that changed dvc.lock. Of a hash that several commits
    record, the newest counts.

    Raises:
        RegenerateError: there is no such hash, revision or path, or it is in no commit yet.
    """
    if re.fullmatch(r"[0-9a-f]{32}", name):
        return _find_hash(name, root)
    path, revision = name, "HEAD"
    if "@" in name:
        path, _, revision = name.rpartition("@")
    elif ":" in name:
        revision, _, path = name.partition(":")
    if not path:
        raise RegenerateError(UNKNOWN, f"{name!r} names no file: give its path, path@revision, or its MD5")
    path = relative(root / path, root)
    call("git", "rev-parse", "--git-dir", root=root)  # where git refuses altogether, it says why
    found = run("git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", root=root)
    if found.stderr.strip():  # git itself refuses, for example in somebody else's clone
        raise ViperError(f"git cannot tell what '{revision}' is: {found.stderr.strip()}")
    if found.returncode:
        raise RegenerateError(UNKNOWN, f"there is no revision '{revision}': see `git log --oneline -- {DVC_LOCK}`")
    commit = call("git", "log", "-1", "--format=%H", found.stdout.strip(), "--", DVC_LOCK, root=root).strip()
    lock = lock_at(commit, root) if commit else Lock(None)
    entry = entry_of(path, lock, *places(root))
    covering = lock.covering(path)
    if covering and covering.md5.endswith(".dir") and (entry is None or entry.path == covering.path):
        raise RegenerateError(UNKNOWN, f"{path}: {_no_file(covering, is_folder=entry is not None, root=root)}")
    if entry is None:
        if entry_of(path, read_lock(root), *places(root)) and revision == "HEAD":
            raise RegenerateError(
                UNCOMMITTED, f"{path} is recorded here, but in no commit: commit {DVC_LOCK} with the code first"
            )
        digits = "; a hash has 32 digits" if re.fullmatch(r"[0-9a-f]+", name) else ""
        raise RegenerateError(
            UNKNOWN, f"{path} is not recorded at {revision}: {DVC_LOCK} there names no such file{digits}"
        )
    return Recorded(commit, path, entry.md5)


def _no_file(covering: Entry, is_folder: bool, root: Path) -> str:
    """Why a path in a recorded folder is no file that could be made again."""
    if is_folder:
        return "a folder: name one of its files"
    if files_of(covering.path, covering.md5, *places(root)):
        return f"there is no such file in {covering.path}, which is recorded"
    return f"recorded as part of the folder {covering.path}, whose list of files is not here: name a table or a figure"


def _find_hash(value: str, root: Path) -> Recorded:
    # A file of a recorded folder stands in the folder's listing alone, and dvc.lock has the hash of that.
    named = [value, *_listings_with(value, root)]
    commits = (call("git", "log", "--all", "--format=%H", f"-S{each}", "--", DVC_LOCK, root=root) for each in named)
    for commit in dict.fromkeys(commit for found in commits for commit in found.split()):
        if not any(each in (_lock_text(commit, root) or "") for each in named):  # the commit that removed it
            continue
        for path, entry in entries(lock_at(commit, root), *places(root)).items():
            if entry.md5 == value:
                return Recorded(commit, path, value)
    if any(entry.md5 == value for entry in entries(read_lock(root), *places(root)).values()):
        raise RegenerateError(
            UNCOMMITTED,
            f"{value} is recorded here, but in no commit, so that the code that made it cannot be told: "
            f"commit {DVC_LOCK} together with the code first",
        )
    raise RegenerateError(UNKNOWN, f"{value}: no commit's {DVC_LOCK} records it as a table, figure or other out")


def _listings_with(value: str, root: Path) -> list[str]:
    """The hashes of the folders that have a file with this MD5, as far as their listings are here."""
    listings = [place for folder in places(root) for place in folder.glob("*/*.dir")]
    return sorted({f"{place.parent.name}{place.name}" for place in listings if value.encode() in place.read_bytes()})


def lock_at(commit: str, root: Path = Path()) -> Lock:
    """The dvc.lock of a commit; one without stages where there was none.

    Raises:
        ViperError: the commit's is broken, or records nothing.
    """
    remedy = f"Name another commit: `git log --oneline -- {DVC_LOCK}`"
    return Lock(_lock_text(commit, root), f"{DVC_LOCK} of commit {commit[:12]}", remedy)


def _lock_text(commit: str, root: Path) -> str | None:
    if not listed("ls-tree", "--name-only", commit, "--", DVC_LOCK, root=root):
        return None
    return call("git", "show", f"{commit}:./{DVC_LOCK}", root=root)


def regenerate(name: str, start: Start, root: Path = Path()) -> tuple[int, list[str]]:
    """Make a recorded file again with the code of its commit; return the exit status and what to print.

    Raises:
        ViperError: with the status that says what stood in the way.
    """
    read_lock(root)  # a broken one is named before anything else
    recorded = find(name, root)
    check_store(root)
    lines = [f"{recorded.path}, MD5 {recorded.md5}, recorded at commit {recorded.commit[:12]}"]
    with at_commit(recorded.commit, root) as place:
        scale = scale_of(recorded.path)
        plan = rebuild.plan(_graph(place, recorded.path, scale), [recorded.path], start)
        lines += [f"made by rules: {', '.join(plan.rules)}", f"starting from: {shortened(plan.given)}"]
        lock = lock_at(recorded.commit, root)
        folders = [place / STORE, *places(root)]
        _fetch(place, plan.given, recorded.path, lock, folders, root)
        before = _old_record(place, recorded, lock, root)
        try:
            rebuild.execute(place, plan.rules, [recorded.path], scale)
        except ViperError as error:
            raise RegenerateError(FAILED, f"the code of commit {recorded.commit[:12]} failed: {error}") from error
        if md5(place / recorded.path) == recorded.md5:
            return IDENTICAL, [*lines, "identical"]
        return _explain(place, recorded, before, lines, root)


def _graph(place: Path, path: str, scale: str) -> Graph:
    return from_json(call("viper", "graph", path, "--scale", scale, root=place))


def _fetch(
    place: Path, given: tuple[str, ...], made: str, lock: Lock, folders: Sequence[Path], root: Path = Path()
) -> None:
    """Put the files in their place that the rebuilding of `made` starts from, once their bytes are known to be the
    recorded ones; of a file in a recorded folder, the whole folder.

    Args:
        folders: the stores and the cache that may have them; DVC's remotes of `root` are asked for what they lack.
    """
    models, hashes = dvc_yaml.stored(place), {}
    for path in given:
        # Of results the file alone: what is to be made may lie beside it. A checkpoint is more than its manifest.
        entry = entry_of(path, lock, *folders) if is_kept(path) else lock.covering(path)
        folder = next((folder for folder in models if path.startswith(f"{folder}/")), None)
        if entry:
            hashes[entry.path] = entry.md5
        elif folder:
            hashes[folder] = next(o.md5 for o in read_dvc_file(models[folder]) if folder.endswith(o.path))
        else:
            raise RegenerateError(UNFETCHABLE, f"{path}: needed as an input, but not recorded at this commit")
    older = {path for path in hashes if path in lock.outs and not is_kept(path)}
    maker = lock.covering(made).stage
    for path in sorted(older):
        stages = lock.behind(lock.outs[path].stage)
        if others := sorted({key for stage in stages for key in lock.disagreements(stage, maker)}):
            raise RegenerateError(
                UNFETCHABLE,
                f"{path}: recorded at this commit, but from an older run than {made}: it differs in "
                f"{', '.join(others[:5])}. Start further back: {_BACK}",
            )
    lacking = {path: hashes[path] for path in sorted(hashes) if not _put(place, path, hashes[path], folders)}
    try:
        obtain(lacking, place, root)
    except UnreachableError as error:
        raise RegenerateError(
            UNFETCHABLE,
            f"{error}. Configure the remote that has it (docs/reproducing.md, Remotes), or start further back: {_BACK}",
        ) from error


def _put(place: Path, path: str, recorded: str, folders: Sequence[Path]) -> bool:
    """Put a recorded file or folder in its place; False where no store or cache has it.

    Raises:
        RegenerateError: the one that has it has other bytes.
    """
    try:
        return put(path, recorded, folders, place)
    except ViperError as error:
        raise RegenerateError(
            UNFETCHABLE, f"{path}, MD5 {recorded}: {error}, or start further back: {_BACK}"
        ) from error


def _old_record(place: Path, recorded: Recorded, lock: Lock, root: Path) -> dict[str, Any] | None:
    """The sidecar that was recorded with the file, taken out of the way of the new one; None where it is lost."""
    entry = entry_of(recorded.path + SUFFIX, lock, place / STORE, *places(root))
    if entry:
        with suppress(UnreachableError):
            obtain({entry.path: entry.md5}, place, root)
    record = read_sidecar(place / recorded.path)
    (place / f"{recorded.path}{SUFFIX}").unlink(missing_ok=True)
    return record


def _explain(
    place: Path, recorded: Recorded, before: dict[str, Any] | None, lines: list[str], root: Path = Path()
) -> tuple[int, list[str]]:
    """Say what differs, as far as the two records and the recorded file tell."""
    lines = [*lines, f"DIFFERENT: made again it has MD5 {md5(place / recorded.path)}"]
    made_again = (place / recorded.path).rename(place / f"made-again{Path(recorded.path).suffix}")
    try:
        obtain({recorded.path: recorded.md5}, place, root)
        comparison = compare(place / recorded.path, made_again)
        lines.append(f"contents: {comparison.verdict}{f' ({comparison.detail})' if comparison.detail else ''}")
    except UnreachableError as error:
        lines.append(f"contents: not compared: {error}")
    after = read_sidecar(place / recorded.path)
    if before is None or after is None:
        return DIFFERENT, [*lines, "its record (FILE.provenance.json) is lost: causes cannot be told"]
    inputs = _changes(before["made_from"]["inputs"], after["made_from"]["inputs"])
    lines += [f"input differs: {change}" for change in inputs]
    if before["made_from"]["command"] != after["made_from"]["command"]:
        lines.append("the command differs: " + " ".join(before["made_from"]["command"]))
    versions = _changes(before["run"]["packages"], packages())
    lines += [f"package differs: {change}" for change in versions]
    if before["run"]["dirty"]:
        lines.append(f"code: it was made with uncommitted changes on top of {str(before['run']['commit'])[:12]}")
    elif before["run"]["commit"] != recorded.commit:
        lines.append(f"code: it was made at {str(before['run']['commit'])[:12]}, and recorded at a later commit")
    return (OTHER_VERSIONS if versions else DIFFERENT), lines


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [
        f"{key}: {before.get(key, 'absent')} then, {after.get(key, 'absent')} now"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]

"""Every figure again from the tables that dvc.lock records: `make figures`.

They are drawn in a scratch copy, from the recorded tables and not from those that lie here: the working folder, with
whatever results it has, stays as it is.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper.config.questions import OpenQuestions
from viper.errors import ViperError
from viper.layout import RESULTS
from viper.provenance import dvc_yaml, fetching, objects, rebuild
from viper.provenance.sidecar import SUFFIX, md5, packages, read_sidecar
from viper.provenance.worktree import copied
from viper.recorded import Lock, read_lock
from viper.tools import run
from viper.workflow.graph import read
from viper.workflow.source import sources

DRAWN = Path("work/figures")  # what was drawn last, to look at
FIGURES = "figures"  # the target of those of the paper; the open questions' belong to each question's own
KINDS = (".png", ".svg", ".rst")  # pictures with their captions


@dataclass(frozen=True)
class Drawn:
    """A figure that was drawn again.

    Attributes:
        path: where it is recorded.
        is_same: whether it has the bytes that dvc.lock records.
        reasons: where it has not, what else differs, in words.
    """

    path: str
    is_same: bool
    reasons: tuple[str, ...] = ()


def redraw(root: Path = Path()) -> list[Drawn]:
    """Draw every recorded figure in a scratch copy and compare it with dvc.lock; what was drawn is kept in DRAWN.

    Needs neither data sets nor checkpoints: the tables that figures are drawn from lie in the repository's store.

    Raises:
        ViperError: nothing is recorded yet, the store was damaged, a table cannot be had, or drawing fails.
    """
    lock = read_lock(root)
    objects.check_store(root)
    if not lock.outs:
        raise ViperError("no figure is recorded: run the experiment (`make micro`), then `make record`")
    first, *others = dvc_yaml.scales_of(root)
    questions = [name for name in OpenQuestions.model_fields if name in lock.stages]
    found = [*_redrawn(first, [FIGURES, *questions], lock, root)]
    for scale in others:
        found += _redrawn(scale, [FIGURES], lock, root)
    if not found:
        raise ViperError(
            f"dvc.lock records no figure of scale {first} where dvc.yaml has them: `make record` records them. What an "
            "earlier version recorded elsewhere, `python -m viper regenerate PATH` makes again"
        )
    return found


def _redrawn(scale: str, targets: list[str], lock: Lock, root: Path) -> list[Drawn]:
    """Draw the recorded figures of some targets of a scale, and keep them in DRAWN."""
    graph = read(targets, scale, root)
    recorded = objects.entries(lock, *objects.places(root))
    made = [path for name in targets for path in graph.targets[name] if path.endswith(KINDS)]
    wanted = {path: recorded[path].md5 for path in made if path in recorded}
    maker = graph.maker()
    rules = sorted({maker[path].rule for path in wanted})
    tables = sorted({path for name in wanted for path in maker[name].inputs})
    shutil.rmtree(root / DRAWN / RESULTS / scale, ignore_errors=True)
    if not wanted:
        return []
    with copied((), root) as place:
        _put(tables, lock, place, root)
        rebuild.execute(place, rules, sorted(wanted), scale)
        drawn = [
            Drawn(path, same, () if same else _reasons(path, lock, place, root, maker[path].command))
            for path, recorded in wanted.items()
            for same in [md5(place / path) == recorded]
        ]
        for path in wanted:
            (root / DRAWN / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place / path, root / DRAWN / path)
    return drawn


def _put(tables: list[str], lock: Lock, place: Path, root: Path) -> None:
    """Put the recorded tables into the scratch copy."""
    entries = {path: objects.nearest_entry(path, lock, root) for path in tables}
    if lacking := [path for path, entry in entries.items() if entry is None]:
        raise ViperError(
            f"{lacking[0]}: a figure is drawn from it, and dvc.lock does not record it: `make record` first"
        )
    try:
        fetching.obtain({entry.path: entry.md5 for entry in entries.values()}, place, root)
    except fetching.UnreachableError as error:
        raise ViperError(
            f"{error}. Push it where it was recorded (`dvc push --remote store`), and commit store/"
        ) from error


def _reasons(path: str, lock: Lock, place: Path, root: Path, command: str | None) -> tuple[str, ...]:
    """Why a figure differs, as far as its record and the new one tell."""
    after = read_sidecar(place / path)
    before = _recorded_sidecar(path, lock, place, root)
    if before is None or after is None:
        return ("its record (FILE.provenance.json) is lost: causes cannot be told",)
    return tuple(_compared(before, after, changed_since(before["run"], root, command)))


def _compared(before: dict[str, Any], after: dict[str, Any], edited: list[str]) -> list[str]:
    old, new = before["made_from"], after["made_from"]
    tables = sorted(
        key for key in old["inputs"].keys() | new["inputs"].keys() if old["inputs"].get(key) != new["inputs"].get(key)
    )
    lines = [f"other tables: {', '.join(tables)}"] if tables else []
    if old["command"] != new["command"]:
        lines.append(f"other parameters: {' '.join(old['command'])}")
    then, now = before["run"]["packages"], packages()
    versions = [
        f"{name} {then.get(name, 'absent')} then, {now.get(name, 'absent')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    lines += [f"other versions: {', '.join(versions)}"] if versions else []
    lines += [f"other code: {', '.join(edited)}"] if edited else []
    return lines or ["same tables, parameters, versions and code: the machine draws otherwise (fonts, processor)"]


def changed_since(run_of: dict[str, Any], root: Path, command: str | None) -> list[str]:
    """The source files of a command that are not those of the commit that a record names."""
    if not run_of["commit"] or command is None:
        return ["it was made outside of git"]
    package = [file.relative_to(Path(__file__).parents[3]).as_posix() for file in sources(command)]
    listed = run("git", "diff", "--name-only", "-z", run_of["commit"], "--", *package, root=root)
    if listed.returncode:
        return [f"commit {run_of['commit'][:12]}, which made it, is not here"]
    changed = [name for name in listed.stdout.split("\0") if name]
    return [*changed, *(["uncommitted changes at that time"] if run_of["dirty"] else [])]


def _recorded_sidecar(path: str, lock: Lock, place: Path, root: Path) -> dict[str, Any] | None:
    folders = objects.places(root)
    entry = objects.entry_of(path + SUFFIX, lock, *folders)
    copy = f"recorded/{path}{SUFFIX}"
    return read_sidecar(place / "recorded" / path) if entry and objects.put(copy, entry.md5, folders, place) else None

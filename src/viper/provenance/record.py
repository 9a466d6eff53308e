"""Recording a finished run in dvc.lock, and taking a recorded one over: `make record` and `make pull`."""

import json
from dataclasses import dataclass
from pathlib import Path

from viper.errors import ViperError
from viper.provenance import dvc_yaml
from viper.provenance.lock import DVC_LOCK
from viper.provenance.stages import EVERYTHING
from viper.provenance.tools import call, planned_rules, plans_nothing, run
from viper.provenance.worktree import at_commit, lend

STORE, ARCHIVE = "store", dvc_yaml.ARCHIVE


@dataclass(frozen=True)
class State:
    """What `dvc status` says, in three kinds.

    Attributes:
        missing: recorded outs that are not there.
        other: recorded outs that are there with other bytes.
        outdated: stages whose parameters, source files or inputs are no longer those of the recording, with those.
    """

    missing: tuple[str, ...]
    other: tuple[str, ...]
    outdated: tuple[str, ...]


def record(root: Path = Path()) -> int:
    """Write dvc.lock from a finished Snakemake run, as `dvc repro` would have; return the number of stages.

    Raises:
        ViperError: dvc.yaml is out of date, or anything is to be made again or missing: what, and what to do.
    """
    scale, planned = dvc_yaml.check(root)
    names = [stage.name for stage in planned]
    dry = call("snakemake", "--dry-run", "--config", f"scale={scale}", "--", *names, root=root)
    if not plans_nothing(dry):
        rules = ", ".join(rule for rule in planned_rules(dry) if rule not in names)
        raise ViperError(
            f"nothing is recorded: not everything is up to date, Snakemake would run {rules}. "
            f"Run `snakemake --cores all --config scale={scale} -- all` first"
        )
    if missing := [out for stage in planned for out in stage.outs if not (root / out).exists()]:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ViperError(
            f"nothing is recorded: {', '.join(missing[:5])}{more} missing. Fetch them (`make pull`), or make them: "
            "remove the files that depend on them and run Snakemake"
        )
    call("dvc", "commit", "--force", "--no-relink", "--quiet", root=root)
    return len(planned)


def pull(root: Path = Path()) -> State:
    """Fetch what is recorded, check it against dvc.lock, and tell Snakemake that it is up to date.

    What lies in a remote that cannot be reached stays missing: Snakemake does not need a checkpoint as long as nothing
    that depends on it must be made again.

    Where parameters or code were edited after the recording, Snakemake is told with those of the recording: it then
    makes again what the edits concern.

    Raises:
        ViperError: the files that are there are not the recorded ones, or no commit has the code that made them.
    """
    for path in dvc_yaml.stored_files(root):
        call("dvc", "pull", "--remote", STORE, str(path.relative_to(root)), root=root)
    if not (root / DVC_LOCK).is_file():
        return State((), (), ())
    call("dvc", "pull", "--allow-missing", "--remote", STORE, root=root)
    run("dvc", "pull", "--allow-missing", "--remote", ARCHIVE, root=root)
    state = status(root)
    if state.other:
        raise ViperError(
            f"{', '.join(state.other[:5])}: not what dvc.lock records. Put the recorded files back with "
            "`dvc checkout --force`, or record yours with `make record`"
        )
    if not state.outdated:
        _touch(root)
        return state
    commit = call("git", "log", "-1", "--format=%h", "--", DVC_LOCK, root=root).strip()
    if not commit:
        raise ViperError(f"{DVC_LOCK} is in no commit, so nobody knows the code that made the files: commit it")
    with at_commit(commit, root) as place:
        is_the_same = (place / DVC_LOCK).read_bytes() == (root / DVC_LOCK).read_bytes()
        if edited := status(place).outdated if is_the_same else state.outdated:
            raise ViperError(
                f"commit {commit} has not the code that the files of {DVC_LOCK} were made with; others are:\n"
                + "\n".join(f"  {line}" for line in edited[:20])
                + "\nRemove the files, then they are made again; or record them again where they were made"
            )
        lend(root, place)
        _touch(place)
    return state


def _touch(root: Path) -> None:
    scale = dvc_yaml.recorded_scale_of(root)
    target = ["--config", f"scale={scale}", "--", EVERYTHING]
    call("snakemake", "--touch", "--forceall", "--cores", "1", *target, root=root)


def status(root: Path = Path()) -> State:
    """Compare the work tree with dvc.lock."""
    missing, other, outdated = set(), set(), []
    changes = json.loads(call("dvc", "status", "--json", root=root) or "{}")
    for stage, details in changes.items():
        for detail in details:
            if isinstance(detail, str):
                outdated.append(f"stage {stage}: {detail}")
                continue
            for path, change in detail.get("changed outs", {}).items():
                (missing if change in {"deleted", "not in cache"} else other).add(path)
            for path, change in detail.get("changed deps", {}).items():
                if change != "deleted":
                    outdated.append(f"stage {stage}: {_named(path, change)}")
    return State(tuple(sorted(missing)), tuple(sorted(other)), tuple(outdated))


def _named(path: str, change: str | dict) -> str:
    """A changed dep in words; of a parameter file DVC gives key → change."""
    return f"{path} {change}" if isinstance(change, str) else f"{path} {', '.join(change)}"

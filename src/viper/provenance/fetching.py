"""Recorded files and folders by path and hash: from store/, from DVC's cache, and last from DVC's remotes.

`dvc fetch PATH` asks dvc.yaml for the path, and once that was written anew its stages may own other outs than dvc.lock
records. So DVC is asked by hash: a scratch project with this repository's cache and remotes has one .dvc file, which
names what is wanted.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from viper.errors import ViperError
from viper.listings import cache_folder
from viper.provenance import objects
from viper.provenance.worktree import share_dvc
from viper.tools import call, has_git, run

WANTED = "wanted.dvc"


class UnreachableError(ViperError):
    """Recorded files are in no store, cache or remote within reach: which, and what DVC said."""


def obtain(recorded: Mapping[str, str], place: Path, root: Path = Path()) -> None:
    """Put recorded files and folders in their places below `place`, wherever in reach of `root` they are.

    Args:
        recorded: path → MD5, that of a folder ending in .dir.

    Raises:
        UnreachableError: some cannot be had; nothing of those changed.
        ViperError: the repository's store has one with other bytes, or DVC's cache has and it cannot be removed.
    """
    folders = [place / objects.STORE, root / objects.STORE]
    lacking = _left(recorded, folders, place)
    if not lacking:
        return
    cache = cache_folder(root)
    objects.drop_damaged(cache, lacking)
    folders.append(cache)
    lacking = _left(lacking, folders, place)
    said = fetch(lacking, cache, root) if lacking else ""
    objects.drop_damaged(cache, lacking)
    if lacking := _left(lacking, folders, place):
        raise UnreachableError(
            f"{shortened(list(lacking))}: neither in store/ nor in a remote within reach{f' ({said})' if said else ''}"
        )


def _left(recorded: Mapping[str, str], folders: Sequence[Path], place: Path) -> dict[str, str]:
    """Put what the folders have in its place; return the rest."""
    return {path: md5 for path, md5 in recorded.items() if not objects.put(path, md5, folders, place)}


def fetch(recorded: Mapping[str, str], cache: Path, root: Path = Path()) -> str:
    """Let DVC fetch recorded files into its cache, by hash, from each remote in turn until all are there.

    The store in the repository is no remote here: `objects` reads it directly.

    Returns:
        DVC's own words where some could not be fetched, in one line; '' where all are there.
    """
    lacking, said = dict(recorded), []
    with tempfile.TemporaryDirectory(prefix="viper-") as scratch:
        project = Path(scratch)
        (project / ".dvc").mkdir()
        shutil.copy(root / ".dvc" / "config", project / ".dvc" / "config")
        remotes = share_dvc(root, project)
        if has_git(project):  # the system's folder for temporary files lies in some repository
            call("dvc", "config", "--local", "core.no_scm", "true", root=project)
        for remote in (name for name, url in remotes.items() if Path(url) != (root / objects.REMOTE).resolve()):
            outs = [{"path": path, "md5": md5, "hash": "md5"} for path, md5 in lacking.items()]
            (project / WANTED).write_text(yaml.safe_dump({"outs": outs}), encoding="utf-8")
            result = run("dvc", "fetch", "--remote", remote, WANTED, root=project)
            lacking = {path: md5 for path, md5 in lacking.items() if not objects.is_here(path, md5, cache)}
            if not lacking:
                return ""
            said.append(f"remote {remote}: {_words(result.stderr or result.stdout)}")
    return f"DVC says of {'; of '.join(said)}" if said else "DVC has no other remote"


def _words(output: str) -> str:
    """What DVC said of its failure, in one line: its errors, or where there are none the start of its warnings."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return " ".join(line.removeprefix("ERROR: ").removeprefix("WARNING: ") for line in (errors or lines)[:3])[:600]


def shortened(paths: Sequence[str]) -> str:
    """The first few of some paths, for messages."""
    return ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "") or "nothing"

"""Temporary copies of the repository: a commit as a git worktree, or the files as they lie here."""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pathspec import GitIgnoreSpec

from viper.layout import MODELS, RESULTS
from viper.tools import call, has_git, listed, run

# Folders into which rules write, and of which git tracks something too: .dvc files, what is published.
TRACKED_IN_PART = (MODELS, RESULTS)


@contextmanager
def at_commit(commit: str, root: Path = Path()) -> Iterator[Path]:
    """Yield a worktree of `commit` that shares this repository's DVC cache and remotes; it is removed in the end."""
    with tempfile.TemporaryDirectory(prefix="viper-") as scratch:
        place = Path(scratch) / "worktree"
        call("git", "worktree", "add", "--quiet", "--detach", str(place), commit, root=root)
        try:
            share_dvc(root, place)
            yield place
        finally:
            run("git", "worktree", "remove", "--force", str(place), root=root)


def share_dvc(root: Path, place: Path) -> dict[str, str]:
    """Let another DVC project, at `place`, use the cache and the remotes of `root`; return each remote's address."""
    local = root / ".dvc" / "config.local"
    if local.is_file():
        shutil.copy(local, place / ".dvc" / "config.local")
    cache = call("dvc", "cache", "dir", root=root).strip()
    call("dvc", "cache", "dir", "--quiet", "--local", str((root / cache).resolve()), root=place)
    remotes = _addresses(root)
    for name, address in remotes.items():
        if "://" not in address:  # a relative one would mean another folder there
            call("dvc", "remote", "modify", "--quiet", "--local", name, "url", address, root=place)
    return remotes


def _addresses(root: Path) -> dict[str, str]:
    """The address of each of DVC's remotes; folders as absolute paths."""
    # Not `dvc remote list`, which breaks its lines where the address is long. The last value counts.
    settings = dict(line.split("=", 1) for line in call("dvc", "config", "--list", root=root).splitlines())
    return {
        key.removeprefix("remote.").removesuffix(".url"): url if "://" in url else str((root / url).resolve())
        for key, url in settings.items()
        if re.fullmatch(r"remote\..+\.url", key)
    }


def lend(root: Path, place: Path) -> None:
    """Let a worktree have the files of `root` that git does not track, as links: results, and Snakemake's records."""
    (root / ".snakemake").mkdir(exist_ok=True)
    for folder in TRACKED_IN_PART:
        if (root / folder).is_dir():
            shutil.rmtree(place / folder, ignore_errors=True)
    for path in root.iterdir():
        if not (place / path.name).exists():
            (place / path.name).symlink_to(path.resolve())


@contextmanager
def copied(given: Iterable[str], root: Path = Path()) -> Iterator[Path]:
    """Yield a folder with this tree's sources, as edited, and copies of `given`; of a manifest, its whole folder."""
    with tempfile.TemporaryDirectory(prefix="viper-") as scratch:
        place = Path(scratch) / "copy"
        for name in _sources(root):
            if not name.startswith("store/") and (root / name).is_file():
                _copy(root / name, place / name)
        (place / "dvc.lock").unlink(missing_ok=True)  # what is given is no recorded out there
        for name in given:
            path = root / name
            if path.name == "manifest.json":
                shutil.copytree(path.parent, (place / name).parent, dirs_exist_ok=True)
            else:
                _copy(path, place / name)
        yield place


def _sources(root: Path) -> Iterable[str]:
    """The files that git tracks or would track; in a downloaded zip, without git, all that it would not ignore."""
    if has_git(root):
        return listed("ls-files", "--cached", "--others", "--exclude-standard", root=root)
    ignored = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored += [f"/.dvc{line}" for line in (root / ".dvc" / ".gitignore").read_text(encoding="utf-8").splitlines()]
    return GitIgnoreSpec.from_lines(ignored).match_tree_files(root, negate=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)

"""Models that the repository itself stores: put in their place from store/, without DVC, git or a network."""

import os
import shutil
from pathlib import Path

from viper.digests import digest
from viper.errors import ViperError
from viper.manifest import MANIFEST
from viper.provenance import fetching, mine, objects
from viper.recorded import read_dvc_file


def fetch(dvc_file: Path, root: Path = Path()) -> str:
    """Put what a .dvc file tracks in its place; return where that is.

    Other models that lie there are set aside. Manifests become younger than the .dvc file, as Snakemake wants them.

    Raises:
        ViperError: the store was damaged, or neither it nor DVC's cache or remotes have the models.
    """
    objects.check_store(root)
    places = []
    for out in read_dvc_file(dvc_file):
        path = (dvc_file.parent / out.path).as_posix()
        _set_aside(path, out.md5, root)
        try:
            fetching.obtain({path: out.md5}, root, root)
        except fetching.UnreachableError as error:
            raise ViperError(f"{error}. A clone has it in store/: `git checkout HEAD -- store`") from error
        for manifest in (root / path).rglob(MANIFEST):
            _touch(manifest)
        places.append(path)
    return ", ".join(places)


def _set_aside(path: str, md5: str, root: Path) -> None:
    """Set other models of that name aside; a missing file makes none (Snakemake removes manifests first)."""
    files = objects.files_of(path, md5, root / objects.STORE) or {}
    there = [name for name in files if (root / name).is_file()]
    if any(digest(root / name) != files[name] for name in there):
        mine.set_aside([path], root)


def _touch(path: Path) -> None:
    """Make a file as young as now; a link into a cache that is not ours to touch becomes a copy."""
    try:
        os.utime(path)
    except PermissionError:
        copy = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.copyfile(path, copy)
        copy.replace(path)

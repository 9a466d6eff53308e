"""One's own results beside the recorded ones: set aside before the recorded take their place, and put back.

What is set aside lies below mine/TIME/, each file under its own path, with Snakemake's records and our digests as they
were: put back, it is as up to date as it was before.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from viper.digests import NOTES
from viper.errors import ViperError
from viper.files import atomic_write
from viper.listings import digest_of
from viper.provenance.objects import files_in, parts_of, places, tracked
from viper.provenance.sidecar import SUFFIX, not_made
from viper.reading import read_json
from viper.workflow.metadata import METADATA

FOLDER = Path("mine")
RECORDS = (METADATA, NOTES)
CONTENTS = ".contents.json"  # the paths that were set aside, files and whole folders


def differing(recorded: Mapping[str, str], folders: Sequence[Path], root: Path = Path()) -> list[str]:
    """What is here of recorded files and folders with other bytes: files, and parts of folders, or whole folders where
    no listing tells of their parts. What is not here, such as other seeds, does not count, nor does a record beside a
    table, which says when that was made.

    Args:
        folders: stores and caches that may have the listings.
    """
    found = []
    for path, md5 in recorded.items():
        place = root / path
        if not place.exists() and not place.is_symlink():
            continue
        parts = parts_of(path, md5, *folders) if place.is_dir() and md5.endswith(".dir") else None
        if parts is None:
            found += [] if _has(place, md5) else [path]
        else:
            found += [part for part, files in parts.items() if not _content(files_in(part, root)) <= files.items()]
    return found


def _content(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """Files and their MD5, without the records beside tables and figures."""
    return {(path, md5) for path, md5 in files.items() if not path.endswith(SUFFIX)}


def _has(place: Path, md5: str) -> bool:
    return place.exists() and place.is_dir() == md5.endswith(".dir") and digest_of(place) == md5


def set_aside(paths: Iterable[str], root: Path = Path()) -> Path | None:
    """Move files and folders below mine/TIME/; return that folder, or None where there is nothing to move.

    What lies in a folder that is moved goes with it.
    """
    given = set(paths)
    paths = sorted(path for path in given if given.isdisjoint(map(str, Path(path).parents)))
    if not paths:
        return None
    place = _free(root / FOLDER / time.strftime("%Y-%m-%d_%H-%M-%S"))
    place.mkdir(parents=True)
    with atomic_write(place / CONTENTS) as partial:  # first: whatever happens next can be put back
        partial.write_text(json.dumps(paths, indent=1) + "\n", encoding="utf-8")
    for records in RECORDS:
        if (root / records).is_dir():
            shutil.copytree(root / records, place / records)
    for path in paths:
        _move(root / path, place / path)
    return place.relative_to(root)


def put_back(folder: Path, root: Path = Path()) -> tuple[list[str], Path | None]:
    """Put back what lies in `folder`; what is there now and is not recorded is set aside in its turn.

    Returns:
        The paths that were put back, and where what lay there before is now (None: it was recorded, or there was
        nothing).

    Raises:
        ViperError: `folder` holds nothing that was set aside.
    """
    remedy = f"Name a folder that `make pull` made below {FOLDER}/"
    paths = [path for path in read_json(folder / CONTENTS, list[str], remedy) if (folder / path).exists()]
    if outside := [path for path in paths if Path(path).is_absolute() or ".." in Path(path).parts]:
        raise ViperError(f"{folder / CONTENTS}: names a file outside the repository, '{outside[0]}'. {remedy}")
    folders = places(root)
    recorded = {part: files for path, md5 in tracked(root).items() for part, files in _parts(path, md5, folders)}
    unsaved = [
        path
        for path in paths
        if (root / path).exists() and not _content(files_in(path, root)) <= recorded.get(path, {}).items()
    ]
    aside = set_aside(unsaved, root)
    for path in paths:
        _remove(root / path)
        _move(folder / path, root / path)
    for records in RECORDS:
        if (folder / records).is_dir():
            shutil.copytree(folder / records, root / records, dirs_exist_ok=True)
    shutil.rmtree(folder)
    return paths, aside


def _parts(path: str, md5: str, folders: Sequence[Path]) -> Iterable[tuple[str, dict[str, str]]]:
    return (parts_of(path, md5, *folders) or {}).items()


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    not_made(target)
    path.rename(target)


def _remove(path: Path) -> None:
    """Remove a file or folder that is recorded, so that DVC's cache has it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _free(place: Path) -> Path:
    names = [place, *(place.with_name(f"{place.name}.{number}") for number in range(1, 1000))]
    return next(each for each in names if not each.exists())

"""What was written is what is read: the digest of every file that the workflow makes, held against it by its readers.

`viper.files.atomic_write` notes the MD5 of each file that it moves into place, the hash by which DVC names a file too.
Readers call `check` before they use one. The notes lie below .snakemake/digests, beside Snakemake's own records of the
same files, and live as long as these. A file without a note was not made in this checkout: where dvc.lock records it,
it is held to that, and otherwise it is the user's own. Of a folder dvc.lock records one MD5, that of its listing: where
no listing is at hand, the whole folder is hashed, as DVC does it.

A large file is not read anew by every job: within one run of the workflow (the environment variable VIPER_RUN, which
the Snakefile sets) it is hashed once, and then only its size and time are looked at.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from viper.errors import ViperError

if TYPE_CHECKING:
    from viper.recorded import Entry, Lock

NOTES = Path(".snakemake/digests")
CACHES = (".dvc/cache/files/md5", "store/files/md5")  # where listings of recorded folders are looked for
RUN = "VIPER_RUN"
REMEDY = "Remove it and run the same target again, which makes it anew; or fetch what was recorded: `make pull`"

Algorithm = Literal["md5", "sha256"]


class DamagedError(ViperError):
    """A file has other bytes than the ones that were recorded of it."""


def begin_run() -> None:
    """Give this process, and the jobs that it starts, a name for the run, unless it has one already."""
    os.environ.setdefault(RUN, uuid.uuid4().hex)


def digest(path: str | Path, algorithm: Algorithm = "md5") -> str:
    """The digest of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def note(path: str | Path, written: str | Path | None = None) -> None:
    """Note the digest of a file, or of every file of a folder, that belongs at `path`.

    Of a folder with a manifest only that is noted, since it lists the others. What lies outside the working folder gets
    no note.

    Args:
        written: where its bytes are now, if they are still to be moved to `path`.
    """
    path, written = Path(path), Path(written or path)
    if written.is_dir():
        manifest = written / "manifest.json"
        files = [manifest] if manifest.is_file() else [file for file in written.rglob("*") if file.is_file()]
        for file in files:
            note(path / file.relative_to(written), file)
    elif _is_inside(path):
        _write(path, {"md5": digest(written)})


def noted(path: str | Path) -> str | None:
    """The MD5 that was noted when this checkout made or fetched a file; None where there is no note."""
    return _read(Path(path)).get("md5") if _is_inside(Path(path)) else None


def check(path: str | Path, remedy: str = REMEDY) -> None:
    """Hold a file to the MD5 that was noted when it was made, or to dvc.lock.

    A file that dvc.lock records is right with those bytes as well: `dvc checkout` may have put it there.

    Raises:
        DamagedError: it has other bytes: which were expected, which were found, and `remedy`. Or it lies in a recorded
            folder that has, and no listing tells which of its files do.
        ViperError: dvc.lock, or the listing of a recorded folder, is broken.
    """
    path = Path(path)
    if not _is_inside(path) or not path.is_file():
        return
    known = _read(path)
    expected = known.get("md5")
    if expected is not None and _is_checked(path, known, expected):
        return
    if expected is None and _entry(path) is None:
        return
    found = digest(path)
    if found != expected:
        recorded = recorded_md5(path) or _md5_in_whole_folder(path, remedy, must_be_whole=expected is None)
        if expected is None and recorded is None:
            return
        if found != recorded:
            source = "noted when it was made" if expected else "recorded in dvc.lock"
            raise _damaged(path, "MD5", f"{expected or recorded} ({source})", found, remedy)
    _write(path, {"md5": found, **_as_checked(path, found)})


def check_against(path: str | Path, expected: str, source: str, remedy: str) -> None:
    """Hold a file to a SHA-256 that something else, `source`, says of it.

    Raises:
        DamagedError: it has other bytes: which were expected, which were found, and `remedy`.
    """
    path = Path(path)
    known = _read(path)
    if _is_checked(path, known, expected):
        return
    found = digest(path, "sha256")
    if found != expected:
        raise _damaged(path, "SHA-256", f"{expected} ({source})", found, remedy)
    if RUN in os.environ:
        _write(path, known | _as_checked(path, expected))


def _md5_in_whole_folder(path: Path, remedy: str, must_be_whole: bool) -> str | None:
    """The MD5 of a file in a recorded folder without a listing, once the whole folder is known to be as recorded.

    All of its files get a note then, so that the folder is hashed once. None where the file lies in no such folder.

    Args:
        must_be_whole: refuse a folder that is not as recorded; otherwise None is returned of it.

    Raises:
        DamagedError: the folder must be as recorded, and is not.
    """
    entry = _entry(path)
    if entry is None or not entry.md5.endswith(".dir") or _listing(entry.md5) is not None:
        return None
    from viper.listings import combined, digests_of

    files = digests_of(Path(entry.path))
    found = combined(files)
    if found == entry.md5:
        for name, md5 in files.items():
            if noted(Path(entry.path, name)) != md5:
                _write(Path(entry.path, name), {"md5": md5})
        return files.get(Path(os.path.relpath(path, entry.path)).as_posix())
    if must_be_whole:
        expected = f"{entry.md5} of the folder {entry.path} (recorded in dvc.lock; which of its files differs is in no "
        raise _damaged(path, "MD5", f"{expected}list here)", found, remedy)
    return None


def _damaged(path: Path, algorithm: str, expected: str, found: str, remedy: str) -> DamagedError:
    return DamagedError(f"{path}: damaged or changed: expected {algorithm} {expected}, found {found}. {remedy}")


def _is_checked(path: Path, known: dict[str, Any], expected: str) -> bool:
    """Whether the file was found to have the digest `expected` in this run already, and was not touched since."""
    return RUN in os.environ and known.get("checked") == _as_checked(path, expected)["checked"]


def _as_checked(path: Path, found: str) -> dict[str, Any]:
    facts = path.stat()
    return {"checked": [os.environ.get(RUN), found, facts.st_size, facts.st_mtime_ns]}


def _absolute(path: Path) -> Path:
    """The path from the root, without `..`; links are not followed: a file is known by the name that it goes by."""
    return Path(os.path.normpath(Path.cwd() / path))


def _is_inside(path: Path) -> bool:
    return _absolute(path).is_relative_to(Path.cwd())


def _place(path: Path) -> Path:
    absolute = _absolute(path)
    if absolute.is_relative_to(Path.cwd()):
        return NOTES / f"{absolute.relative_to(Path.cwd())}.json"
    return NOTES / "outside" / f"{hashlib.sha256(os.fsencode(absolute)).hexdigest()}.json"


def _read(path: Path) -> dict[str, Any]:
    """The note of a file; a note that is missing or broken says nothing."""
    try:
        content = json.loads(_place(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    place = _place(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(place)


def recorded_md5(path: str | Path) -> str | None:
    """The MD5 by which dvc.lock records a file, by itself or in a folder whose listing is in a DVC cache here.

    Raises:
        ViperError: dvc.lock, or the listing, is broken.
    """
    entry = _entry(Path(path))
    if entry is None or not entry.md5.endswith(".dir"):
        return entry.md5 if entry else None
    listing = _listing(entry.md5) or {}
    return listing.get(Path(os.path.relpath(path, entry.path)).as_posix())


def _entry(path: Path) -> "Entry | None":
    """The out of dvc.lock that is a file, or the folder that holds it."""
    lock = Path("dvc.lock")
    if not os.path.lexists(lock):
        return None
    facts = lock.lstat()
    return _lock(str(Path.cwd()), facts.st_mtime_ns, facts.st_size).covering(Path(os.path.relpath(path)).as_posix())


@lru_cache(maxsize=1)
def _lock(root: str, _time: int, _size: int) -> "Lock":
    from viper.recorded import read_lock

    return read_lock(Path(root))


def _listing(md5: str) -> dict[str, str] | None:
    """The files of a recorded folder, path in it → MD5; None where no cache here has its listing whole."""
    places = (cache / md5[:2] / md5[2:] for cache in _caches())
    found = (_listing_at(str(place), md5, place.stat().st_mtime_ns) for place in places if place.is_file())
    return next((files for files in found if files is not None), None)


def _caches() -> Iterator[Path]:
    """Where listings may be: the usual places first, since asking DVC for its own takes a second."""
    yield from (Path.cwd() / cache for cache in CACHES)
    if Path(".dvc/config").is_file():
        yield _configured_cache(str(Path.cwd()))


@lru_cache(maxsize=1)
def _configured_cache(root: str) -> Path:
    from viper.listings import cache_folder

    return cache_folder(Path(root))


@lru_cache(maxsize=256)
def _listing_at(place: str, md5: str, _time: int) -> dict[str, str] | None:
    from viper.listings import read_listing

    return read_listing(Path(place)) if digest(place) == md5.removesuffix(".dir") else None

"""What was written is what is read: the digest of every file that the workflow makes, held against it by its readers.

`viper.files.atomic_write` notes the MD5 of each file that it moves into place, the hash by which DVC names a file too.
Readers call `check` before they use one. The notes lie below .snakemake/digests, beside Snakemake's own records of the
same files, and live as long as these. A file without a note was not made in this checkout: where dvc.lock records it,
it is held to that, and otherwise it is the user's own.

A large file is not read anew by every job: within one run of the workflow (the environment variable VIPER_RUN, which
the Snakefile sets) it is hashed once, and then only its size and time are looked at.
"""

import hashlib
import json
import os
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from viper.errors import ViperError

NOTES = Path(".snakemake/digests")
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
        DamagedError: it has other bytes: which were expected, which were found, and `remedy`.
    """
    path = Path(path)
    if not _is_inside(path) or not path.is_file():
        return
    known = _read(path)
    expected = known.get("md5")
    if expected is not None and _is_checked(path, known, expected):
        return
    recorded = recorded_md5(path) if expected is None else None
    if expected is None and recorded is None:
        return
    found = digest(path)
    if found != expected:
        recorded = recorded or recorded_md5(path)
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
    """The MD5 by which dvc.lock records a file, by itself or in a folder whose listing is in a DVC cache here."""
    lock = Path("dvc.lock")
    if not lock.is_file():
        return None
    facts = lock.stat()
    return _md5_of(Path(os.path.relpath(path)).as_posix(), str(lock.resolve()), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=4096)
def _md5_of(path: str, lock: str, _time: int, _size: int) -> str | None:
    entry = _lock(lock, _time, _size).covering(path)
    if entry is None or entry.path == path:
        return entry.md5 if entry else None
    for cache in (".dvc/cache/files/md5", "store/files/md5"):
        listing = Path(cache, entry.md5[:2], entry.md5[2:])
        if listing.is_file():
            inside = os.path.relpath(path, entry.path)
            return {part["relpath"]: part["md5"] for part in json.loads(listing.read_bytes())}.get(inside)
    return None


@lru_cache(maxsize=1)
def _lock(lock: str, _time: int, _size: int):
    from viper.provenance.lock import read_lock

    return read_lock(Path(lock).parent)

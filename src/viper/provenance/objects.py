"""Recorded bytes by their MD5: the repository's own store, DVC's cache, and the work tree's files held against both.

DVC trusts what it has: it takes a damaged object of its cache for whole, and deletes a damaged one of a remote, here a
file that git tracks. So our commands look first. An object's name is the MD5 of its bytes; that of a folder, with .dir
behind it, is the MD5 of the folder's listing, which is an object itself.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from viper.digests import digest
from viper.errors import ViperError
from viper.files import atomic_write
from viper.layout import RESULTS, part_of
from viper.listings import cache_folder, digests_of, place_of, read_listing
from viper.provenance.sidecar import not_made
from viper.recorded import Entry, Lock, read_dvc_file, read_lock
from viper.tools import run

REMOTE = Path("store")  # in the repository, tracked by git
STORE = REMOTE / "files/md5"  # its objects
_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


def is_whole(folder: Path, md5: str) -> bool:
    """Whether a store or cache has an object with the bytes of its name."""
    place = place_of(folder, md5)
    return place.is_file() and digest(place) == md5.removesuffix(".dir")


def tracked(root: Path = Path()) -> dict[str, str]:
    """Everything that is recorded, path → MD5: the outs of dvc.lock, and the models that .dvc files track."""
    found = {path: entry.md5 for path, entry in read_lock(root).outs.items()}
    for file in sorted((root / "models").rglob("*.dvc")):
        if file.is_file():
            found |= {(file.parent / out.path).relative_to(root).as_posix(): out.md5 for out in read_dvc_file(file)}
    return found


def files_of(path: str, md5: str, *folders: Path) -> dict[str, str] | None:
    """The files behind a recorded path, each with its MD5; None where no folder has the listing.

    Raises:
        ViperError: the listing is damaged in every folder that has it.
    """
    if not md5.endswith(".dir"):
        return {path: md5}
    place = _whole(md5, folders)
    return place and {f"{path}/{name}": each for name, each in read_listing(place).items()}


def entry_of(path: str, lock: Lock, *folders: Path) -> Entry | None:
    """A recorded file, by itself or as part of a recorded folder whose listing one of the stores or caches has.

    Raises:
        ViperError: see `files_of`.
    """
    entry = lock.covering(path)
    if entry is None or entry.path == path:
        return entry
    md5 = (files_of(entry.path, entry.md5, *folders) or {}).get(path)
    return Entry(path, md5, entry.stage) if md5 else None


def nearest_entry(path: str, lock: Lock, root: Path = Path()) -> Entry | None:
    """The same by the repository's store, and only where that has no listing by the cache, which DVC is asked for."""
    return entry_of(path, lock, root / STORE) or entry_of(path, lock, *places(root))


def entries(lock: Lock, *folders: Path) -> dict[str, Entry]:
    """Every recorded file by its path, as far as stores and caches have the listings of recorded folders.

    Raises:
        ViperError: see `files_of`.
    """
    return {
        path: Entry(path, md5, out.stage)
        for out in lock.outs.values()
        for path, md5 in (files_of(out.path, out.md5, *folders) or {}).items()
    }


def places(root: Path = Path()) -> list[Path]:
    """Where recorded objects may be: the repository's store, and the cache where DVC is set up."""
    return [root / STORE, *([cache_folder(root)] if (root / ".dvc").is_dir() else [])]


def parts_of(path: str, md5: str, *folders: Path) -> dict[str, dict[str, str]] | None:
    """The files behind a recorded path, each with its MD5, by the part that they are made and replaced with
    (`viper.layout.part_of`); a single file is a part. None where no folder has the listing.

    Raises:
        ViperError: see `files_of`.
    """
    files = files_of(path, md5, *folders)
    if files is None or not md5.endswith(".dir"):
        return files and {path: files}
    parts: dict[str, dict[str, str]] = {}
    for name, each in files.items():
        parts.setdefault(part_of(name), {})[name] = each
    return parts


def files_in(part: str, root: Path = Path()) -> dict[str, str]:
    """The files of a part as they are here, with the MD5 of each."""
    place = root / part
    if not place.is_dir():
        return {part: digest(place)} if place.is_file() else {}
    found = {f"{part}/{name}": md5 for name, md5 in digests_of(place).items()}
    return {name: md5 for name, md5 in found.items() if part_of(name) == part}


def is_here(path: str, md5: str, *folders: Path) -> bool:
    """Whether stores and caches together have every object behind a recorded path."""
    files = files_of(path, md5, *folders)
    return files is not None and all(_places(each, folders) for each in files.values())


def _places(md5: str, folders: Iterable[Path]) -> list[Path]:
    """Where an object is, whatever its bytes."""
    return [place for folder in folders if (place := place_of(folder, md5)).is_file()]


def _whole(md5: str, folders: Iterable[Path]) -> Path | None:
    """Where an object is with the bytes of its name; None where no folder has it.

    Raises:
        ViperError: it is damaged in every folder that has it.
    """
    places = _places(md5, folders)
    whole = next((place for place in places if digest(place) == md5.removesuffix(".dir")), None)
    if places and whole is None:
        raise ViperError(f"{places[0]}: damaged: not the bytes of its name. Remove it")
    return whole


def check_store(root: Path = Path()) -> None:
    """Hold every object of the repository's store to its name; restore from git what is damaged or missing.

    Raises:
        ViperError: something was: which objects, what they belong to, and whether they are restored.
    """
    store = root / STORE
    there = {path.relative_to(root).as_posix() for path in store.glob("*/*") if path.is_file()}
    objects = {path for path in there if _NAME.fullmatch(path.removeprefix(f"{STORE}/"))}
    listed = run("git", "ls-files", "-z", "--", str(STORE), root=root)
    known = {path for path in listed.stdout.split("\0") if path} if listed.returncode == 0 else set()
    faults = {path: "damaged" for path in objects if not is_whole(store, _md5_at(path))}
    faults |= dict.fromkeys(known - there, "missing")
    if not faults:
        return
    run("git", "restore", "--source=HEAD", "--worktree", "--", *sorted(faults.keys() & known), root=root)
    restored = {path for path in faults if is_whole(store, _md5_at(path))}
    names = _names(root)
    lines = [
        f"  {path}: {fault}; of {names.get(_md5_at(path), 'nothing that is recorded now')}: "
        + ("restored from git" if path in restored else "git has no whole one here")
        for path, fault in sorted(faults.items())
    ]
    rest = sorted(faults.keys() - restored)
    remedy = (
        f"Remove {', '.join(rest)}; then take store/ from another clone, or where they were recorded say `dvc push "
        "--remote store`"
        if rest
        else "All are whole again: run the same command once more"
    )
    raise ViperError("the repository's own store was damaged:\n" + "\n".join(lines) + f"\n{remedy}")


def _md5_at(path: str) -> str:
    return "".join(Path(path).parts[-2:])


def _names(root: Path) -> dict[str, str]:
    """MD5 → the recorded file or folder that it belongs to, as far as listings can be read."""
    names = {}
    for path, md5 in tracked(root).items():
        names[md5] = path
        if md5.endswith(".dir") and is_whole(root / STORE, md5):
            names |= {each: name for name, each in (files_of(path, md5, root / STORE) or {}).items()}
    return names


def drop_damaged(cache: Path, recorded: Mapping[str, str]) -> list[str]:
    """Remove what DVC's cache has of the recorded files with other bytes; return what it was, in words.

    Raises:
        ViperError: a damaged object cannot be removed.
    """
    lines = []
    for path, md5 in recorded.items():
        if md5.endswith(".dir") and _drop(cache, md5):
            lines.append(f"{path}: its listing in DVC's cache was damaged, and is removed")
        for name, each in (files_of(path, md5, cache) or {}).items():
            if _drop(cache, each):
                lines.append(f"{name}: damaged in DVC's cache, and removed there")
    return lines


def _drop(cache: Path, md5: str) -> bool:
    place = place_of(cache, md5)
    if not place.is_file() or is_whole(cache, md5):
        return False
    try:
        place.unlink()
    except OSError as error:
        raise ViperError(
            f"{place}: damaged: its bytes are not those of its name, and it cannot be removed ({error.strerror}). "
            "Whoever may write in this cache removes it; then run the same command again"
        ) from error
    return True


def fill_cache(cache: Path, recorded: Mapping[str, str], root: Path = Path()) -> None:
    """Copy into DVC's cache what the repository's store has of the recorded files, once `check_store` has passed."""
    store = root / STORE
    for path, md5 in recorded.items():
        for each in sorted({md5, *(files_of(path, md5, store, cache) or {}).values()}):
            source, target = place_of(store, each), place_of(cache, each)
            if source.is_file() and not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(f".{target.name}.{os.getpid()}")
                shutil.copyfile(source, partial)
                partial.chmod(0o444)  # as DVC has them
                partial.replace(target)


def keep_listings(cache: Path, root: Path = Path()) -> None:
    """Copy the listings of recorded data sets and checkpoints into the repository's store, so that git tells what is in
    a folder that lies in a remote out of reach.

    Not those of results, which `dvc push` brings: where it finds a listing, it takes the files for pushed as well.
    """
    for path, md5 in tracked(root).items():
        source, target = place_of(cache, md5), place_of(root / STORE, md5)
        is_wanted = md5.endswith(".dir") and not path.startswith(f"{RESULTS}/")
        if is_wanted and source.is_file() and not target.exists():
            with atomic_write(target) as partial:
                shutil.copyfile(source, partial)


def put(path: str, md5: str, folders: Iterable[Path], root: Path = Path()) -> bool:
    """Put a recorded file or folder in its place below `root`, each object from the first store or cache that has it
    whole: a listing may lie in one, and the files in another.

    A file that has these bytes already stays as it is. False where the folders lack an object; then nothing changes.

    Raises:
        ViperError: an object is damaged in every folder that has it.
    """
    folders = list(folders)
    if not is_here(path, md5, *folders):
        return False
    for name, each in (files_of(path, md5, *folders) or {}).items():
        target = root / name
        if not target.is_file() or digest(target) != each:
            source = _whole(each, folders)
            not_made(target)
            with atomic_write(target) as partial:  # bytes only: objects are read-only, work files are not
                shutil.copyfile(source, partial)
    return True

"""Whether what DVC fetched has the bytes that were recorded: DVC itself compares hashes only where it copies."""

import json
from pathlib import Path

from viper.provenance.sidecar import md5


def damaged(root: Path, path: str, recorded: str, cache: Path) -> list[str]:
    """What of a file or folder below `root` is not as recorded, a line each with both hashes.

    Args:
        recorded: its MD5; of a folder that of the list of its files, ending in .dir.
        cache: DVC's cache, which holds such lists.
    """
    if not recorded.endswith(".dir"):
        return _compare(root, path, recorded, cache)
    place = _object(cache, recorded)
    if not place.is_file():
        return [f"{path}: the list of its files, {recorded}, is not in the cache"]
    if wrong := _differs(place, recorded.removesuffix(".dir")):
        return [f"{path}: the list of its files is damaged: {wrong}, {place}"]
    files = json.loads(place.read_text(encoding="utf-8"))
    return [line for file in files for line in _compare(root, f"{path}/{file['relpath']}", file["md5"], cache)]


def _compare(root: Path, path: str, recorded: str, cache: Path) -> list[str]:
    if not (root / path).is_file():
        return [f"{path}: missing"]
    wrong = _differs(root / path, recorded)
    return [f"{path}: {wrong}; its copy in the cache is {_object(cache, recorded)}"] if wrong else []


def _differs(place: Path, recorded: str) -> str:
    found = md5(place)
    return "" if found == recorded else f"expected MD5 {recorded}, found {found}"


def _object(cache: Path, recorded: str) -> Path:
    return cache / "files" / "md5" / recorded[:2] / recorded[2:]

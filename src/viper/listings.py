"""Folders as DVC knows them: the MD5 of a folder is that of its listing, a JSON file in a cache or store."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from viper.digests import digest
from viper.errors import ViperError
from viper.tools import call

IGNORED = {"__pycache__", ".snakemake_timestamp"}  # those of .dvcignore that lie in recorded folders


class Listed(BaseModel):
    """One file in the listing of a folder."""

    md5: str
    relpath: str


def place_of(folder: Path, md5: str) -> Path:
    """Where a store or cache keeps an object."""
    return folder / md5[:2] / md5[2:]


def cache_folder(root: Path = Path()) -> Path:
    """Where DVC's cache keeps its objects."""
    return (root / call("dvc", "cache", "dir", root=root).strip()).resolve() / "files/md5"


def read_listing(place: Path) -> dict[str, str]:
    """The files of a folder, path in it → MD5, from its listing.

    Raises:
        ViperError: it is no listing, or names a file outside the folder.
    """
    try:
        files = {row.relpath: row.md5 for row in TypeAdapter(list[Listed]).validate_json(place.read_bytes())}
    except ValidationError as error:
        raise ViperError(f"{place}: no listing of a folder, though its name says so. Remove it") from error
    if outside := [name for name in files if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ViperError(f"{place}: names a file outside its folder, '{outside[0]}'. Remove it")
    return files


def digest_of(path: Path) -> str:
    """The MD5 by which DVC knows a file, or a folder (then ending in .dir)."""
    if not path.is_dir():
        return digest(path)
    return combined(digests_of(path))


def digests_of(folder: Path) -> dict[str, str]:
    """The MD5 of each file of a folder that DVC would record, by its path in the folder."""
    files = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    kept = {name: file for name, file in files.items() if IGNORED.isdisjoint(name.parts)}
    return {name.as_posix(): digest(file) for name, file in kept.items()}


def combined(files: Mapping[str, str]) -> str:
    """The MD5 by which DVC knows a folder: that of the listing of its files, path in it → MD5."""
    rows = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return f"{hashlib.md5(json.dumps(rows, sort_keys=True).encode()).hexdigest()}.dir"

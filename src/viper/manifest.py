"""Manifests of model folders: the one file that stands for a checkpoint, whatever its number of shards.

A folder with a `manifest.json` is complete, since the manifest is written last, and two folders with equal manifests
hold equal bytes. Rules pass manifests to each other, so that a changed weight re-runs what depends on it.
"""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from viper import digests
from viper.errors import ViperError
from viper.files import atomic_write
from viper.reading import read_json
from viper.strict import Strict

MANIFEST = "manifest.json"
DOWNLOAD_NOTES = ".cache"  # where huggingface_hub notes what it downloaded: no part of the model


REMEDY = (
    "Fetch the model again (`make pull`, or `snakemake fetch`), or remove its folder and run the rule that makes it"
)


class Facts(Strict):
    """What a manifest says of one file."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Strict):
    """The content of manifest.json: every file of the model by its path in the folder."""

    files: dict[str, Facts]


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return digests.digest(path, "sha256")


def read_manifest(manifest: str | Path) -> Manifest:
    """Read a manifest.

    Raises:
        ViperError: it is missing or broken, or names a file outside its folder.
    """
    content = read_json(manifest, Manifest, REMEDY)
    for name in content.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ViperError(f"{manifest}: names a file outside its folder, '{name}'. {REMEDY}")
    return content


def model_files(folder: str | Path) -> list[Path]:
    """Every file below `folder` that belongs to the model, sorted."""
    folder = Path(folder)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and path.relative_to(folder).parts[0] != DOWNLOAD_NOTES
    ]


def listing(folder: str | Path) -> str:
    """The content of a manifest of `folder`: every file below it with its size in bytes and SHA-256, as JSON."""
    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in model_files(folder)
    }
    return json.dumps({"files": files}, indent=2) + "\n"


def write_manifest(folder: str | Path) -> Path:
    """List every file below `folder` with its size in bytes and SHA-256 in `folder/manifest.json`; return its path."""
    content = listing(folder)
    with atomic_write(Path(folder) / MANIFEST) as partial:
        partial.write_text(content, encoding="utf-8")
    return Path(folder) / MANIFEST


def model_folder(manifest: str | Path, remedy: str = REMEDY) -> Path:
    """Return the folder that `manifest` stands for, once every listed file is there with the bytes that it lists.

    Args:
        remedy: what the message says to do about a file that is not as listed.

    Raises:
        ViperError: there is no such manifest, it is broken, or a file is missing or has other bytes.
    """
    manifest = Path(manifest)
    if not manifest.exists():
        raise ViperError(f"no checkpoint at {manifest.parent}: {manifest.name} is missing; run the rule that makes it")
    for name, facts in read_manifest(manifest).files.items():
        path = manifest.parent / name
        if not path.is_file():
            raise ViperError(f"{path}: missing, {manifest} lists it. {remedy}")
        if (found := path.stat().st_size) != facts.bytes:
            raise digests.DamagedError(f"{path}: {found} bytes, {manifest} lists {facts.bytes} bytes. {remedy}")
        digests.check_against(path, facts.sha256, f"listed in {manifest}", remedy)
    return manifest.parent

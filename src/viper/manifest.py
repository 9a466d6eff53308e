"""Manifests of model folders: the one file that stands for a checkpoint, whatever its number of shards.

A folder with a `manifest.json` is complete, since the manifest is written last, and two folders with equal manifests
hold equal bytes. Rules pass manifests to each other, so that a changed weight re-runs what depends on it.
"""

import hashlib
import json
from pathlib import Path

from viper.errors import ViperError
from viper.files import atomic_write

MANIFEST = "manifest.json"
DOWNLOAD_NOTES = ".cache"  # where huggingface_hub notes what it downloaded: no part of the model


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_files(folder: str | Path) -> list[Path]:
    """Every file below `folder` that belongs to the model, sorted."""
    folder = Path(folder)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and path.relative_to(folder).parts[0] != DOWNLOAD_NOTES
    ]


def write_manifest(folder: str | Path) -> Path:
    """List every file below `folder` with its size in bytes and SHA-256 in `folder/manifest.json`; return its path."""
    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in model_files(folder)
    }
    with atomic_write(folder / MANIFEST) as partial:
        partial.write_text(json.dumps({"files": files}, indent=2) + "\n")
    return folder / MANIFEST


def model_folder(manifest: str | Path) -> Path:
    """Return the folder that `manifest` stands for, once every listed file is there with its size.

    Raises:
        ViperError: there is no such manifest, or a file is missing or has another size.
    """
    manifest = Path(manifest)
    if not manifest.is_file():
        raise ViperError(f"no checkpoint at {manifest.parent}: {manifest.name} is missing; run the rule that makes it")
    for name, facts in json.loads(manifest.read_text())["files"].items():
        path = manifest.parent / name
        if not path.is_file() or path.stat().st_size != facts["bytes"]:
            raise ViperError(
                f"{path} is missing or does not have the {facts['bytes']} bytes that {manifest} lists: "
                "fetch or make the checkpoint again"
            )
    return manifest.parent

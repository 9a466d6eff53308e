"""Downloading models and data from the hub: by commit, every file checked, clear words where it cannot be."""

import glob
import hashlib
import os
import pickle
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from viper.errors import ViperError
from viper.files import atomic_write
from viper.manifest import DOWNLOAD_NOTES, model_files, sha256, write_manifest
from viper.reading import read_json

_NOTES = Path(DOWNLOAD_NOTES) / "huggingface" / "download"
_NOTE = re.compile(r"([0-9a-f]{40})\n([0-9a-f]{64}|[0-9a-f]{40})\n")  # a commit and a hash, each a line of its own
_PIPELINE = "model_index.json"
# What torch's models are read from; of pickles these only, since a repository has other .bin files beside its weights.
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "diffusion_pytorch_model*.bin")
_WITHOUT_WEIGHTS = ("Tokenizer", "Processor", "FeatureExtractor", "Scheduler")  # in the class of a pipeline's part
_SHA256_DIGITS = 64
_CONVERTED = "converted_from_sha256"
_FEW = 9  # files that a message names one by one


class _Index(BaseModel):
    """What is read of an index of weights: which file holds each."""

    weight_map: dict[str, str]


def fetch_model(pinned: str, folder: Path) -> Path:
    """Make `folder` hold the model OWNER/NAME@COMMIT whole and intact; return its manifest.

    What is there already is not downloaded again. A folder that was filled elsewhere by `hf download --local-dir` and
    carried here is checked in the same way, without a network.

    Raises:
        ViperError: the hub cannot be reached and the folder is incomplete; the model needs a licence to be accepted; it
            or its commit does not exist; weights or a part of a pipeline are missing; a file is not the one that the
            commit names, or is an index that cannot be read.
    """
    name, _, commit = pinned.partition("@")
    command = f"hf download {name} --revision {commit} --local-dir {folder}"
    by_hand = (
        f"On a machine with a network: `{command}`; then copy that folder, its {DOWNLOAD_NOTES} included, to {folder}"
    )
    with explained(f"{name} at {commit[:12]}", by_hand):
        from huggingface_hub import snapshot_download

        # Without a network it accepts a folder that is complete by the list of files it has noted there.
        snapshot_download(name, revision=commit, local_dir=folder)
    _check_whole(folder, command)
    _check(folder, commit, command)
    _convert_pickles(folder)
    return write_manifest(folder)


def fetch_data(pinned: str, files: Sequence[str], folder: Path, to: str) -> list[Path]:
    """Download files of the data set OWNER/NAME@COMMIT into `folder`, whole and intact; return their paths in order.

    A download that broke off goes on where it was, and what is there already is not downloaded again.

    Args:
        files: their paths in the data set; nothing else may lie in `folder`.
        to: what a message says to do with a folder that was downloaded elsewhere.

    Raises:
        ViperError: as `fetch_model`; or the data set has no such file.
    """
    name, _, commit = pinned.partition("@")
    wanted = " ".join(files) if len(files) <= _FEW else f"--include '{os.path.commonpath(files)}/*'"
    command = f"hf download {name} {wanted} --repo-type dataset --revision {commit} --local-dir DIR"
    what = f"data set {name} at {commit[:12]}"
    with explained(what, f"On a machine with a network: `{command}`; then {to}"):
        from huggingface_hub import snapshot_download

        snapshot_download(
            name,
            repo_type="dataset",
            revision=commit,
            allow_patterns=[glob.escape(file) for file in files],
            local_dir=folder,
        )
    paths = [folder / file for file in files]
    if missing := [path for path in paths if not path.is_file()]:
        raise ViperError(f"{what}: lacks {', '.join(str(path.relative_to(folder)) for path in missing)}; `{command}`")
    _check(folder, commit, command)
    return paths


@contextmanager
def explained(what: str, by_hand: str) -> Iterator[None]:
    """Turn the hub's exceptions into one message: what is missing, why, and where to put it.

    Args:
        by_hand: how somebody gets it without the hub being reached from here, and where to put it.

    Raises:
        ViperError: for each of them.
    """
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise ViperError(
            f"{what} is behind a licence that this account has not accepted: accept it on the model's page, run "
            f"`hf auth login`, and start again"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ViperError(f"{what}: the hub has no such commit: correct it in the scale's file") from error
    except errors.RepositoryNotFoundError as error:
        raise ViperError(
            f"{what}: the hub has nothing of that name for this account: correct it in the scale's file, or run "
            "`hf auth login` if it is private"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, httpx2.TransportError) as error:
        raise ViperError(f"{what} is missing, and the hub cannot be reached. {by_hand}") from error
    except (errors.HfHubHTTPError, errors.FileMetadataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ViperError(f"{what}: the hub does not deliver it ({reason}). Try again later. {by_hand}") from error


def _notes(folder: Path) -> dict[str, tuple[str, str]]:
    """File → (commit, hash), as huggingface_hub noted them when it downloaded the file; a broken note says nothing."""
    notes = {}
    for path in sorted((folder / _NOTES).rglob("*.metadata")):
        try:
            found = _NOTE.match(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        if found:
            notes[path.relative_to(folder / _NOTES).as_posix().removesuffix(".metadata")] = (found[1], found[2])
    return notes


def _check_whole(folder: Path, command: str) -> None:
    """Weights must be there, with every shard that an index names and every part that a pipeline has.

    Without a network huggingface_hub takes whatever lies in a folder for the model where it has noted no list of files,
    also the few small files with which a download that was killed had begun.

    Raises:
        ViperError: some are missing, all of them in one message; an index of weights or of parts cannot be read.
    """
    again = f"get it again with `{command}`"
    damaged = f"The file is damaged: remove it and {again}"
    files = {path.relative_to(folder).as_posix() for path in model_files(folder)}
    missing = _missing_shards(folder, files, damaged)
    if _PIPELINE in files:
        missing += _missing_parts(read_json(folder / _PIPELINE, dict[str, Any], damaged), files)
    if not missing and not _has_weights(files):
        missing = [f"weights ({' or '.join(_WEIGHTS)})"]
    if missing:
        raise ViperError(f"{folder} lacks {', '.join(missing)}: {again}")


def _missing_shards(folder: Path, files: set[str], damaged: str) -> list[str]:
    """Files of weights that an index names and that are not there."""
    named = {
        PurePosixPath(index).parent / shard
        for index in sorted(files)
        if index.endswith(".index.json")
        for shard in read_json(folder / index, _Index, damaged).weight_map.values()
    }
    return sorted({path.as_posix() for path in named} - files)


def _missing_parts(pipeline: dict[str, Any], files: set[str]) -> list[str]:
    """Parts of a pipeline, named as [library, class], that have no files, or a model's configuration and no weights."""
    missing = []
    for name, value in pipeline.items():
        # A part that is left out is [null, null]; names with an underscore are the pipeline's own settings.
        if name.startswith("_") or not isinstance(value, list) or [type(each) for each in value] != [str, str]:
            continue
        part = {file for file in files if file.startswith(f"{name}/")}
        is_model = f"{name}/config.json" in part and not any(kind in value[1] for kind in _WITHOUT_WEIGHTS)
        if not part:
            missing.append(f"the part {name}")
        elif is_model and not _has_weights(part):
            missing.append(f"the weights of the part {name}")
    return missing


def _has_weights(files: set[str]) -> bool:
    return any(fnmatchcase(PurePosixPath(file).name, pattern) for file in files for pattern in _WEIGHTS)


def _check(folder: Path, commit: str, command: str) -> None:
    """Every file must be the one that the commit names.

    Raises:
        ViperError: a file was changed or cut off, belongs to another commit, or came in another way.
    """
    again = f"get it again with `{command}`"
    notes = _notes(folder)
    for path in model_files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in notes and _is_converted(path):
            continue
        if name not in notes:
            raise ViperError(f"{path} cannot be checked: {folder / _NOTES} has no note of its download; {again}")
        found, digest = notes[name]
        if found != commit:
            raise ViperError(f"{path} is of commit {found}, wanted is {commit}: {again}")
        if digest != (sha256(path) if len(digest) == _SHA256_DIGITS else _git_hash(path)):
            raise ViperError(f"{path} is damaged: its hash is not {digest}. Remove it and {again}")
    if not notes:
        raise ViperError(f"{folder} is empty: {again}")


def _convert_pickles(folder: Path) -> None:
    """Write the weights of a model that the hub has as pickles only (BGE-M3 is one) as safetensors beside them.

    torch reads them with `weights_only`, which builds tensors and runs nothing. Which bytes they came from is noted in
    the new file, so that the folder can be checked again.

    Raises:
        ViperError: they hold something else than tensors.
    """
    for path in sorted(folder.rglob("pytorch_model.bin")):
        if any(path.parent.glob("*.safetensors")):
            continue
        import torch
        from safetensors.torch import save_file

        try:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            # Tied weights share memory, which safetensors does not.
            tensors = {name: tensor.clone().contiguous() for name, tensor in weights.items()}
        except (pickle.UnpicklingError, RuntimeError, AttributeError, EOFError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ViperError(f"{path}: holds something else than weights ({reason}): name another model") from error
        with atomic_write(path.with_name("model.safetensors")) as partial:
            save_file(tensors, partial, metadata={"format": "pt", _CONVERTED: sha256(path)})


def _is_converted(path: Path) -> bool:
    """Whether a file was written by `_convert_pickles` from the very file that lies beside it."""
    from safetensors import SafetensorError, safe_open

    source = path.with_name("pytorch_model.bin")
    if path.name != "model.safetensors" or not source.is_file():
        return False
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get(_CONVERTED) == sha256(source)
    except (SafetensorError, OSError):
        return False


def _git_hash(path: Path) -> str:
    """The hash by which git, and so the hub, knows a small file."""
    content = path.read_bytes()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()

"""Pictures that a painter or an editor has made so far, on disk, so that a job that was ended goes on from there.

One file for each call of the pipeline, named after all that the call was asked for: a batch that is asked for again is
read, everything else is made. Batches stay those of an uninterrupted run, and so do the bytes.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

_log = logging.getLogger(__name__)


class KeptPictures:
    """The pictures of one job, batch by batch.

    Args:
        folder: where they are kept, of this job alone.
        about: what makes other pictures of the same requests: the model, and how it is called.
    """

    def __init__(self, folder: Path, about: str):
        self._folder, self._about = folder, about
        if found := len(list(folder.glob("*.npy"))):
            _log.info("goes on behind %d batches of pictures of an earlier attempt", found)

    def batch(self, asked: Mapping[str, object], make: Callable[[], list[Image.Image]]) -> list[Image.Image]:
        """The pictures of one batch: those that are kept, or else what `make` makes, which is on disk on return.

        Args:
            asked: all that the pictures depend on, by name: texts, numbers, pictures, and lists and mappings of these.
            make: RGB pictures of one size.
        """
        path = self._folder / f"{_digest({'about': self._about, **asked})}.npy"
        if (kept := _read(path)) is not None:
            return kept
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, np.stack([np.asarray(picture) for picture in made]), allow_pickle=False)
        partial.replace(path)  # a job that is killed before leaves no file of this name
        return made


def _read(path: Path) -> list[Image.Image] | None:
    """The pictures in a file; None where there is none, or a damaged one."""
    try:
        pictures = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return [Image.fromarray(picture) for picture in pictures]


def _digest(asked: object) -> str:
    digest = hashlib.sha256()
    for part in _parts(asked):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _parts(value: object) -> Iterable[bytes]:
    """What tells one request from another, as bytes; each begins with what it is."""
    if isinstance(value, Image.Image):
        yield f"picture {value.mode} {value.size}".encode()
        yield value.tobytes()
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for name, each in sorted(value.items()):
            yield from _parts(name)
            yield from _parts(each)
    elif isinstance(value, list | tuple):
        yield f"list {len(value)}".encode()
        for each in value:
            yield from _parts(each)
    else:
        yield f"{type(value).__name__} {value!r}".encode()

"""Fingerprints of commands, kept from one start of Snakemake to the next as Python keeps its compiled modules.

To read the syntax trees of the packages takes longer than all else that Snakemake does before its first job, and on a
cluster every job starts Snakemake. What is kept holds for exactly the files that it was read from, by their contents.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from viper.errors import ViperError
from viper.files import atomic_write
from viper.workflow import source

Fingerprint = Callable[[str, frozenset[str] | None], str]
KEPT = "fingerprints.json"


@contextmanager
def keeping() -> Iterator[Fingerprint]:
    """`source.fingerprint`, which reads the code only where its answer for this code was not kept.

    Kept is beside the package's compiled modules, and where Python may not keep those, nothing.

    Raises:
        ViperError: there is no command of that name.
    """
    path = source.SOURCE / source.PACKAGES[0] / "__pycache__" / KEPT
    state = _state()
    kept = _read(path, state)
    known = dict(kept)

    def fingerprint(command: str, sets: frozenset[str] | None) -> str:
        asked = " ".join([command, *(["--", *sorted(sets)] if sets is not None else [])])
        if asked not in known:
            known[asked] = source.fingerprint(command, sets)
        return known[asked]

    yield fingerprint
    if known != kept and not sys.dont_write_bytecode:
        with suppress(OSError, ViperError), atomic_write(path) as partial:  # a package that is not ours to write to
            partial.write_text(json.dumps({"state": state, "fingerprints": known}), encoding="utf-8")


def _state() -> str:
    """A digest of every file of the packages, and of the Python that reads them."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(file for package in source.PACKAGES for file in (source.SOURCE / package).rglob("*")):
        if "__pycache__" not in path.parts and path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(source.SOURCE).as_posix()} {len(content)}\0".encode() + content)
    return digest.hexdigest()


def _read(path: Path, state: str) -> dict[str, str]:
    """The fingerprints that were kept of this state of the code; none where the file is of another, or is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["state"] == state:
            return {str(asked): str(found) for asked, found in content["fingerprints"].items()}
    return {}

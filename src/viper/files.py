"""Writing files so that nobody ever sees half of one."""

import csv
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from viper import digests, locking, system
from viper.errors import ViperError

if TYPE_CHECKING:
    import pandas as pd

LOCK = "writer.lock"  # beside a temporary file, held while it is written
SETTLED = 24 * 3600  # seconds; a folder without a lock may be new, so only an old one has lost its writer


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place when the block ends without an error.

    The temporary name keeps the suffix of `path`, since libraries choose a format by it. On an error the temporary
    file or folder is removed and `path` is left as it was. What is moved gets a note of its digest (`viper.digests`).
    What killed processes left of their attempts is removed.

    Raises:
        FileNotFoundError: the block wrote nothing to the temporary path.
        ViperError: the system refused, for example because the disk is full.
    """
    path = Path(path)
    with explain_failed_write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        scratch = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True)
        with scratch as folder, locking.holding(Path(folder) / f"new-{LOCK}"):
            # From its birth on a lock of this name is held: whoever looks before would take the writer for a dead one.
            (Path(folder) / f"new-{LOCK}").rename(Path(folder) / LOCK)
            partial = Path(folder) / path.name
            with explain_failed_write(path):  # before what was written is removed again
                yield partial
            _give_usual_rights(partial, Path(folder) / LOCK)
            _move(partial, path, Path(folder) / "before")


def _give_usual_rights(written: Path, usual: Path) -> None:
    """Let whoever may read a new file read these too: of what safetensors writes, only its owner could.

    Args:
        written: a file or folder. usual: a file as the system makes new ones.
    """
    rights = usual.stat().st_mode & 0o666
    for path in (written, *written.rglob("*")):
        if path.is_file() and not path.is_symlink():
            path.chmod(path.stat().st_mode | rights)


def _move(partial: Path, path: Path, aside: Path) -> None:
    """Move a file or folder into place; a folder cannot replace another, which is put aside first."""
    if not os.path.lexists(partial):
        raise FileNotFoundError(f"{path}: nothing was written")
    if not partial.is_symlink():  # what a link leads to is not written here
        digests.note(path, partial)
    if partial.is_dir() and path.is_dir():
        path.rename(aside)
    try:
        partial.replace(path)
    except OSError:
        if aside.exists():
            aside.rename(path)
        raise


def _remove_dead(path: Path) -> None:
    """Remove the temporary folders of killed processes that wrote `path`; a living one, wherever, holds its lock."""
    for folder in path.parent.iterdir():
        if re.fullmatch(_scratch_of(path), folder.name) and folder.is_dir() and _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _scratch_of(path: Path) -> str:
    """A pattern of the names that `tempfile` gives the folders in which `path` is written."""
    return rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}"


def _is_dead(folder: Path) -> bool:
    lock = folder / LOCK
    try:
        return locking.is_free(lock) if lock.is_file() else time.time() - folder.stat().st_mtime > SETTLED
    except OSError:  # its writer has just removed it
        return False


def write_table(path: str | Path, table: "pd.DataFrame", float_format: str | None = None) -> None:
    """Write a table as CSV, or with tabs where the name ends in .tsv, so that `viper.reading.read_table` reads it back.

    Cells are quoted where they must be; pandas alone would leave a bare carriage return, which ends a line for readers,
    unquoted.
    """
    with atomic_write(path) as partial:
        put_table(partial, table, float_format)


def put_table(path: Path, table: "pd.DataFrame", float_format: str | None = None) -> None:
    """The same into a file that is moved into place later, with the folder that it lies in."""
    separator = "\t" if path.suffix == ".tsv" else ","
    has_return = any(isinstance(cell, str) and "\r" in cell for name in table.columns for cell in table[name])
    quoting = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    table.to_csv(path, sep=separator, index=False, float_format=float_format, quoting=quoting, lineterminator="\n")


@contextmanager
def explain_failed_write(path: str | Path) -> Iterator[None]:
    """Turn the error of a library that could not write `path` into one sentence, if the system refused.

    Not every library raises an OSError then: safetensors and torch have errors of their own, of which the second's does
    not name the cause. An input that is missing, or a reader that went away, stays what it is.

    Raises:
        ViperError: the block failed, and the system is behind it.
    """
    try:
        yield
    except (ViperError, FileNotFoundError, ConnectionError):
        raise
    except Exception as error:
        if system.number_of(error, path) is None and not system.is_full(path):
            raise
        name = Path(path).name  # not that of the temporary file
        temporary = rf"{_scratch_of(Path(path))}(/{re.escape(name)})?"
        raise ViperError(re.sub(temporary, lambda _: name, system.explain(error, path))) from error

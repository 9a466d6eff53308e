"""Writing files so that nobody ever sees half of one."""

import csv
import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from viper import digests
from viper.errors import ViperError

if TYPE_CHECKING:
    import pandas as pd

FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place when the block ends without an error.

    The temporary name keeps the suffix of `path`, since libraries choose a format by it. On an error the temporary
    file or folder is removed and `path` is left as it was. What is moved gets a note of its digest (`viper.digests`).

    Raises:
        FileNotFoundError: the block wrote nothing to the temporary path.
        ViperError: the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        explain_full_disk(path.parent),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch,
    ):
        partial = Path(scratch) / path.name
        with explain_full_disk(path.parent):  # before what was written is removed again
            yield partial
        if partial.exists():
            digests.note(path, partial)
        if partial.is_dir() and path.is_dir():
            shutil.rmtree(path)
        partial.replace(path)


def write_table(path: str | Path, table: "pd.DataFrame", float_format: str | None = None) -> None:
    """Write a table as CSV, or with tabs where the name ends in .tsv, so that `viper.reading.read_table` reads it back.

    Cells are quoted where they must be; pandas alone would leave a bare carriage return, which ends a line for readers,
    unquoted.
    """
    separator = "\t" if Path(path).suffix == ".tsv" else ","
    has_return = any(isinstance(cell, str) and "\r" in cell for name in table.columns for cell in table[name])
    quoting = csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL
    with atomic_write(path) as partial:
        table.to_csv(
            partial, sep=separator, index=False, float_format=float_format, quoting=quoting, lineterminator="\n"
        )


@contextmanager
def explain_full_disk(folder: str | Path) -> Iterator[None]:
    """Turn the error of a library that could not write in `folder` for want of space into one sentence.

    Not every library raises an OSError then: safetensors and torch have errors of their own, of which the second's does
    not name the cause.

    Raises:
        ViperError: the block failed, and there is no space left.
    """
    try:
        yield
    except ViperError:
        raise
    except Exception as error:
        is_full = getattr(error, "errno", None) in FULL or "No space left" in str(error)
        if is_full or shutil.disk_usage(folder).free < 1_000_000:
            raise ViperError(
                f"{folder}: no space left on this disk, or your quota is used up. What was whole before still is: free "
                "some space, then run again"
            ) from error
        raise

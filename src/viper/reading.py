"""Reading what the workflow wrote: one reader per kind of record, each with a schema and one message.

Every reader here first holds the file to the digest that was noted when it was made (`viper.digests`). What is missing,
a folder, damaged, or of another form than expected ends in a `ViperError` that names the file, what is wrong with it,
and how to get it back. Cells of text tables stay text: nothing is guessed, so that the answer "None" is that word.
"""

import csv
import io
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from viper import digests
from viper.errors import ViperError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

Schema = TypeVar("Schema")

_BUFFER = 2**20  # bytes


def read_bytes(path: str | Path, remedy: str = digests.REMEDY) -> bytes:
    """The bytes of a file, once they are known to be the ones that were written.

    Raises:
        ViperError: there is no such file, it is a folder or cannot be read, or it was damaged.
    """
    path = Path(path)
    if not path.exists():
        raise ViperError(f"{path}: missing. {remedy}")
    if not path.is_file():
        raise ViperError(f"{path}: not a file, but a folder or something else of that name. {remedy}")
    digests.check(path, remedy)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ViperError(f"{path}: cannot be read: {error.strerror}. {remedy}") from error


def read_text(path: str | Path, remedy: str = digests.REMEDY) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        ViperError: see `read_bytes`; or it is not UTF-8.
    """
    try:
        return read_bytes(path, remedy).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ViperError(f"{path}: not UTF-8 text (byte {error.start}). {remedy}") from error


def read_json(path: str | Path, schema: type[Schema], remedy: str = digests.REMEDY) -> Schema:
    """Read a JSON file as a `schema`: a pydantic model, or any type that pydantic knows.

    Raises:
        ViperError: see `read_bytes`; or it is no JSON, or not of that form: each problem with its place.
    """
    try:
        return TypeAdapter(schema).validate_json(read_text(path, remedy))
    except ValidationError as error:
        raise ViperError(f"{path}: {_problems(error)}. {remedy}") from error


def read_json_lines(path: str | Path, schema: type[Schema], remedy: str = digests.REMEDY) -> list[Schema]:
    """Read a JSON Lines file, each line as a `schema`; blank lines are passed over.

    Raises:
        ViperError: see `read_json`; problems come with the number of their line.
    """
    return [row for _, row in read_numbered_json_lines(path, schema, remedy)]


def read_numbered_json_lines(
    path: str | Path, schema: type[Schema], remedy: str = digests.REMEDY
) -> list[tuple[int, Schema]]:
    """The same with the number of each line, for further messages."""
    adapter, rows = TypeAdapter(schema), []
    for number, line in enumerate(read_text(path, remedy).split("\n"), start=1):
        if line.strip():
            try:
                rows.append((number, adapter.validate_json(line)))
            except ValidationError as error:
                raise ViperError(f"{path}, line {number}: {_problems(error)}. {remedy}") from error
    return rows


def validated(value: Any, schema: type[Schema], where: str, remedy: str = digests.REMEDY) -> Schema:
    """A value that was read as a `schema`: a pydantic model, or any type that pydantic knows.

    Args:
        where: how a message names it.

    Raises:
        ViperError: it is not of that form: each problem with its place.
    """
    try:
        return TypeAdapter(schema).validate_python(value)
    except ValidationError as error:
        raise ViperError(f"{where}: {_problems(error)}. {remedy}") from error


def read_table(
    path: str | Path,
    *,
    needed: Collection[str] = (),
    numbers: Collection[str] = (),
    separator: str | None = None,
    remedy: str = digests.REMEDY,
) -> "pd.DataFrame":
    """Read a CSV or TSV table with a header: every cell as the text that it is, except in columns of numbers.

    Args:
        needed: columns that must be there.
        numbers: columns that hold numbers, where they are there; an empty cell is NaN.
        separator: None: a tab in a .tsv, a comma otherwise.

    Raises:
        ViperError: see `read_bytes`; or it is no such table, lacks a column or a cell, or has no number where one
            belongs.
    """
    import pandas as pd

    header, rows = _text_table(path, needed, separator, remedy)
    table = pd.DataFrame([cells for _, cells in rows], columns=header, dtype=object)
    for name in [each for each in table.columns if each in set(numbers)]:
        try:
            table[name] = [float(cell or "nan") for cell in table[name]]
        except ValueError as error:
            raise ViperError(f"{path}: column {name} holds what is no number: {error}. {remedy}") from error
    return table


def read_numbered_rows(
    path: str | Path, *, needed: Collection[str] = (), separator: str | None = None, remedy: str = digests.REMEDY
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV or TSV table like `read_table`: each row, all text, with the number of the line that it ends on.

    Raises:
        ViperError: see `read_table`.
    """
    header, rows = _text_table(path, needed, separator, remedy)
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]


def _text_table(
    path: str | Path, needed: Collection[str], separator: str | None, remedy: str
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a table, and its rows, each with the number of the line that it ends on; blank lines are none."""
    separator = separator or ("\t" if Path(path).suffix == ".tsv" else ",")
    csv.field_size_limit(sys.maxsize)  # a cell may hold a picture
    lines = csv.reader(io.StringIO(read_text(path, remedy), newline=""), delimiter=separator, strict=True)
    try:
        filled = [(lines.line_num, cells) for cells in lines if cells]
    except csv.Error as error:
        raise ViperError(f"{path}, line {lines.line_num}: no table: {error}. {remedy}") from error
    if not filled:
        raise ViperError(f"{path}: no table: it has no header. {remedy}")
    (_, header), *rows = filled
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise ViperError(f"{path}: has the column {', '.join(twice)} twice. {remedy}")
    _need_columns(path, header, needed, remedy)
    for line, cells in rows:
        if len(cells) != len(header):
            raise ViperError(f"{path}, line {line}: {len(cells)} cells, the header has {len(header)}. {remedy}")
    return header, rows


def read_parquet(
    path: str | Path, columns: Sequence[str] | None = None, remedy: str = digests.REMEDY
) -> "pd.DataFrame":
    """Read a Parquet file as a table (`columns`: only these).

    Raises:
        ViperError: see `open_parquet`.
    """
    return open_parquet(path, columns, remedy).to_pandas()


def open_parquet(path: str | Path, columns: Sequence[str] | None = None, remedy: str = digests.REMEDY) -> Any:
    """Read a Parquet file as a pyarrow Table (`columns`: only these; "image.path" reads no pixels).

    Raises:
        ViperError: there is no such file, it is damaged or no Parquet file, or lacks a column.
    """
    with _parquet(path, remedy) as file:
        _need_columns(path, file.schema_arrow.names, [name.partition(".")[0] for name in columns or ()], remedy)
        return file.read(columns=None if columns is None else list(columns))


def parquet_batches(path: str | Path, rows: int, remedy: str = digests.REMEDY) -> "Iterator[pa.RecordBatch]":
    """Read a Parquet file as batches of at most `rows` rows, one of which is in memory at a time.

    An empty table is one batch without rows, so that its columns are seen.

    Raises:
        ViperError: see `open_parquet`.
    """
    import pyarrow as pa

    with _parquet(path, remedy) as file:
        yield from file.iter_batches(rows)
        if not file.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=file.schema_arrow)


@contextmanager
def _parquet(path: str | Path, remedy: str) -> "Iterator[pq.ParquetFile]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.exists():
        raise ViperError(f"{path}: missing. {remedy}")
    if not path.is_file():
        raise ViperError(f"{path}: not a file, but a folder or something else of that name. {remedy}")
    digests.check(path, remedy)
    try:
        # Opened here, so that Python sees which files a command reads (viper.provenance.sidecar). A buffer bounds what
        # is read ahead: without one, a column of a whole group of rows.
        with path.open("rb") as handle, pq.ParquetFile(handle, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ViperError(f"{path}: cannot be read as a Parquet table: {_first_line(error)}. {remedy}") from error


def _need_columns(path: str | Path, there: Collection[str], needed: Collection[str], remedy: str) -> None:
    if lacking := [name for name in needed if name not in set(there)]:
        raise ViperError(
            f"{path}: lacks the column {', '.join(lacking)}; it has {', '.join(map(str, there)) or 'none'}. {remedy}"
        )


def _problems(error: ValidationError) -> str:
    """All that is wrong with a record, in one line."""
    found = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" if problem["loc"] else problem["msg"]
        for problem in error.errors(include_url=False)
    ]
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(found[:5]) + more


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]

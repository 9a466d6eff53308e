"""Reading a benchmark's TSV: cells are text, lists are literal, pictures are pictures. Nothing in a file is ever run.

VLMEvalKit reads such files with type guessing (the option "None" is missing, "3" becomes "3.0"), and evaluates cells as
Python: `index`, `image`, `image_path`, and MME-RealWorld-Lite's `multi-choice options`. Here each cell is read for what
it may be and nothing else; the first one that is something else stops the evaluation before a model is asked. Pictures
are decoded once, and unpacked into files: VLMEvalKit's data sets get a table of text with the paths of these.

A file is read row by row: the largest official one has 35 GB.
"""

import ast
import base64
import binascii
import csv
import logging
import os
import re
import string
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from viper import digests
from viper.config.images import MAX_ASPECT
from viper.errors import ViperError
from viper.pictures import PictureError, read_picture

_log = logging.getLogger(__name__)

MAX_LIST = 100  # entries of a list
# Satellite pictures of MME-RealWorld are larger than any photograph; Pillow itself stops at 179 million.
MOST_PIXELS = 2**27
_REFERENCE = 64  # characters: a shorter picture cell is the index of the row that has the picture, says VLMEvalKit
_INDEX = re.compile(r"\w[\w.:/ -]{0,199}")
_NUMBER = re.compile(r"0|-?[1-9]\d{0,17}")
_FILE = re.compile(r"""[^\x00-\x1f'"`\[\]{}$;*?<>|\\:]{1,500}""")
_LONGEST_NAME = 255  # bytes of a file's or a folder's name, on nearly every file system
# One string of a list, in quotes: unrolled, so that its time is linear.
_STRING = re.compile(r"""'[^'\\\n]*(?:\\.[^'\\\n]*)*'|"[^"\\\n]*(?:\\.[^"\\\n]*)*\"""", re.DOTALL)
# What is missing where it is empty: VLMEvalKit asks so for options and hints, and takes anything else as text.
_MAY_BE_MISSING = {*string.ascii_uppercase, "hint"}


class CellError(Exception):
    """What is wrong with a cell."""


def read_benchmark(
    path: Path,
    pictures: Path,
    *,
    needed: Collection[str] = (),
    lists: Collection[str] = (),
    given: Path | None = None,
    are_known: bool = False,
) -> pd.DataFrame:
    """Read a benchmark, and unpack its pictures into the folder `pictures`.

    Rows without a picture are left out, as VLMEvalKit leaves them out.

    Args:
        needed: columns that must be there beside index, question, answer, and image or image_path.
        lists: columns whose cells are lists of texts.
        given: the folder in which pictures lie that a table only names (`image_path`); None: `pictures`.
        are_known: such pictures were decoded before (`viper.evaluation.unpacked`), and are not opened.

    Returns:
        One row per item: texts as they are (options and hints that are empty are NaN), `index` as whole numbers where
        all are such, lists as lists, `image` the paths of the item's pictures.

    Raises:
        ViperError: no such file, no table, a column is missing, or a cell is not what it must be: file, row, column.
    """
    rows: list[dict] = []
    numbers: list[int] = []  # of the rows in the file
    seen: dict[str, int] = {}  # index → place in rows
    left_out = 0
    for number, row in _rows(path, {"index", "question", "answer", *needed}):
        try:
            column = "index"
            if not _INDEX.fullmatch(row["index"]) or ".." in PurePosixPath(row["index"]).parts:
                raise CellError("is no index: letters, digits and . : / - _ only, at most 200")
            if row["index"] in seen:
                raise CellError("is the index of an earlier row too")
            for column in lists:
                row[column] = read_list(row[column])
            column = "image_path"
            files = _paths(row["image_path"]) if "image_path" in row else []
            if "image" in row:
                column = "image"
                if not row["image"]:
                    left_out += 1
                    continue
                row["image"] = _unpack(row["image"], number, pictures)
            else:
                row["image"] = [_confined(file, given or pictures, are_known=are_known) for file in files]
                if not files:
                    left_out += 1
                    continue
        except CellError as error:
            raise ViperError(_about(path, number, column, row[column], error)) from error
        seen[row["index"]] = len(rows)
        rows.append(row)
        numbers.append(number)
    if left_out:
        _log.info("%s: %d rows without a picture are left out, as VLMEvalKit leaves them out", path.name, left_out)
    if not rows:
        raise ViperError(f"{path}: holds no items")
    _follow_references(path, rows, numbers, seen)
    return _table(rows)


def named_pictures(path: Path) -> list[str]:
    """The picture files that a benchmark's table names, each once; none where the table has the pictures themselves.

    Raises:
        ViperError: no such file, no table, or a cell names no file: file, row, column.
    """
    found: dict[str, None] = {}
    for number, row in _rows(path, {"index"}):
        if "image" in row:
            return []
        try:
            found |= dict.fromkeys(_paths(row["image_path"]))
        except CellError as error:
            raise ViperError(_about(path, number, "image_path", row["image_path"], error)) from error
    return list(found)


def read_list(cell: str) -> list[str]:
    """The texts of a literal list such as ['a', "b"]: strings in quotes and commas, nothing else, no nesting.

    Raises:
        CellError: it is not of that form, or has more than MAX_LIST entries.
    """
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise CellError("is no list")
    found, place, end = [], 1, len(text) - 1
    while True:
        place = _after_blanks(text, place)
        if place == end:
            return found
        entry = _STRING.match(text, place, end)
        if entry is None or len(found) == MAX_LIST:
            raise CellError(f"is not a list of at most {MAX_LIST} strings in quotes, and nothing else is read")
        try:
            found.append(ast.literal_eval(entry[0]) if "\\" in entry[0] else entry[0][1:-1])
            found[-1].encode()
        except (SyntaxError, ValueError) as error:  # an escape that is none, or that is half a character
            raise CellError("holds a string with a broken escape") from error
        place = _after_blanks(text, entry.end())
        if place != end and text[place] != ",":
            raise CellError("is not a list of strings with commas between them, and nothing else is read")
        place = min(place + 1, end)


def _rows(path: Path, needed: Collection[str]) -> Iterator[tuple[int, dict]]:
    """The rows of a TSV with their numbers, from 1; each as column → text."""
    if not path.is_file():
        raise ViperError(f"{path}: no such file: make the benchmark first")
    digests.check(path)
    csv.field_size_limit(sys.maxsize)  # a cell may hold a picture
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = (line for line in csv.reader(file, delimiter="\t", strict=True) if line)
            header = next(lines, [])
            if len(set(header)) < len(header):
                raise ViperError(f"{path}: has a column twice: {', '.join(header)}")
            if lacking := sorted(set(needed) - set(header)):
                raise ViperError(f"{path}: lacks the column {', '.join(lacking)}; it has {', '.join(header) or 'none'}")
            if not {"image", "image_path"} & set(header):
                raise ViperError(f"{path}: has neither a column image nor image_path")
            for number, line in enumerate(lines, start=1):
                if len(line) != len(header):
                    raise ViperError(f"{path}: row {number} has {len(line)} cells, the header {len(header)}")
                yield number, dict(zip(header, line, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ViperError(f"{path}: no table of text after row {number}: {error}") from error


def _about(path: Path, number: int, column: str, cell: str | list, error: object) -> str:
    shown = str(cell)
    shown = f"{shown[:60]}…" if len(shown) > 60 else shown
    return f"{path}, row {number}, column {column}: {shown!r} {error}; nothing of this benchmark was run"


def _after_blanks(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _paths(cell: str) -> list[str]:
    """The files that a cell of image_path names: one, or a list; all relative and without '..'."""
    files = read_list(cell) if cell.strip().startswith("[") else [cell] if cell else []
    for file in files:
        if not _FILE.fullmatch(file) or file.startswith("/") or ".." in PurePosixPath(file).parts:
            raise CellError("does not name a file inside the benchmark's folder of pictures")
        if any(len(part.encode()) > _LONGEST_NAME for part in PurePosixPath(file).parts):
            raise CellError(f"has a name of more than {_LONGEST_NAME} bytes, which no file can have")
    return files


def _confined(file: str, pictures: Path, *, are_known: bool) -> str:
    """The path of a picture that lies in the benchmark's folder already, links followed."""
    try:
        path = (pictures / file).resolve()
        is_inside, is_file = path.is_relative_to(pictures.resolve()), path.is_file()
    except (OSError, RuntimeError) as error:  # a folder on the way is closed; a link leads to itself
        reason = error.strerror if isinstance(error, OSError) else "a link on the way leads back to itself"
        raise CellError(f"names a file that cannot be reached in {pictures}: {reason}") from error
    if not is_inside:
        raise CellError(f"names a file outside {pictures}")
    if not is_file:
        raise CellError(f"names a file that is not in {pictures}")
    if not are_known:
        _decode(path)
    return str(path)


def _unpack(cell: str, number: int, pictures: Path) -> list[str] | str:
    """The paths of the pictures of a cell, unpacked; or the index of the row that has them."""
    if not cell.strip().startswith("["):
        if len(cell) <= _REFERENCE:
            return cell
        texts = [cell]
    else:
        texts = read_list(cell)
        if not texts:
            raise CellError("is an empty list")
    return [_unpack_one(text, pictures / f"{number}_{place}") for place, text in enumerate(texts)]


def _unpack_one(text: str, path: Path) -> str:
    """Write one picture, unless the same bytes are there: those were decoded when they were written."""
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CellError("is no picture in base64") from error
    if not (path.is_file() and path.read_bytes() == content):
        _decode(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")  # another job may unpack the same ones
        partial.write_bytes(content)
        partial.replace(path)
    return str(path.absolute())


def _decode(source: bytes | Path) -> None:
    try:
        width, height = read_picture(source, most_pixels=MOST_PIXELS).size
    except PictureError as error:
        raise CellError(f"is no picture that can be read: {error.reason}") from error
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise CellError(
            f"is a picture of {width} x {height} pixels: one side is more than {MAX_ASPECT} times the other, and "
            "processors of Qwen's models refuse such pictures"
        )


def _follow_references(path: Path, rows: list[dict], numbers: list[int], seen: dict[str, int]) -> None:
    """Give the rows whose picture is another row's that one."""
    found = []
    for number, row in zip(numbers, rows, strict=True):
        image = row["image"]
        if isinstance(image, str):
            other = rows[seen[image]]["image"] if image in seen else None
            if not isinstance(other, list):
                why = "is neither a picture in base64 nor the index of a row that has one"
                raise ViperError(_about(path, number, "image", image, why))
            image = other
        found.append(image)
    for row, image in zip(rows, found, strict=True):
        row["image"] = image


def _table(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, dtype=object)
    if all(map(_NUMBER.fullmatch, table["index"])):
        table["index"] = table["index"].map(int)
    for column in sorted(_MAY_BE_MISSING & set(table.columns)):
        table[column] = table[column].map(lambda cell: cell or np.nan)
    return table

"""MME-RealWorld's table, which nobody publishes: nine chunks of JSON are, and everybody makes the table of them.

VLMEvalKit puts the rows in the order in which a folder lists the chunks, another one on every machine, and the MD5 that
it has is that of one of these tables. Here chunks are taken by their numbers, so that the table is the same everywhere,
and what is held to the published one is its content.

The chunks have 35 GB. They are read an item at a time: what is held is a few times the largest item.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from viper.errors import ViperError
from viper.reading import validated

DATA = "yifanzhang114/MME-RealWorld-Base64@93310bbe383ad164ef4afadd329090679c52d7c4"
CHUNKS = tuple(f"MME-RealWorld/MME_RealWorld_base64_{number}.json" for number in range(9))
ITEMS = 23_609  # of the English part, as published
COLUMNS = (
    "index", "image", "question", "multi-choice options", "A", "B", "C", "D", "E", "answer", "category", "l2-category",
)  # fmt: skip
_REMEDY = "Remove the chunk and fetch it again"
_INTRODUCTION = "The choices are listed below:\n"
_LETTERS = "ABCDE"
_BLANK, _BEHIND = re.compile(r"[ \t\r\n]*"), re.compile(r"[ \t\r\n]*[,\]]")
_BLOCK = 2**24  # characters read at once
_MOST = 2**30  # characters of one item


def _writable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"its character {error.start + 1} is half of one, which no file can hold") from error
    return text


_Text = Annotated[str, AfterValidator(_writable)]
_Option = Annotated[str, Field(pattern=rf"^\([{_LETTERS}]\)")]  # as published: "(A) 3"


class Item(BaseModel):
    """What is read of an item of a chunk; it may have more."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    index: _Text
    image: _Text
    question: _Text
    options: list[_Option] = Field(alias="multi-choice options", min_length=len(_LETTERS))
    answer: _Text
    category: _Text
    subcategory: _Text = Field(alias="l2-category")


def write_table(chunks: Sequence[Path], output: Path) -> int:
    """Write the table that VLMEvalKit would make of these chunks, in their order; return the number of items.

    Its columns are `COLUMNS`; `image` is the picture in base64.

    Raises:
        ViperError: a chunk is no list of items, or an item lacks something: chunk and number of the item.
    """
    number = 0
    with output.open("w", encoding="utf-8", newline="") as file:
        # Quoted throughout: a bare carriage return would end a row for readers.
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(COLUMNS)
        for chunk in chunks:
            for place, item in enumerate(read_items(chunk), start=1):
                writer.writerow(_row(item, f"{chunk}, item {place}"))
                number += 1
    return number


def read_items(chunk: Path) -> Iterator[Any]:
    """The entries of a JSON list, one at a time, however long the list is.

    Raises:
        ViperError: it is no JSON list of entries, ends early, goes on behind the list, or has an entry of more than a
            gigabyte, or that Python does not read.
    """
    decoder, text, place, mark, number = json.JSONDecoder(), "", 0, "[", 0
    try:
        with chunk.open(encoding="utf-8") as file:
            while True:
                text, place = _at_next(file, text, place)
                if text[place : place + 1] == "]" and mark == ",":
                    text, place = _at_next(file, text, place + 1)
                    if place < len(text):
                        raise ViperError(f"{chunk}: goes on behind its list of {number} items. {_REMEDY}")
                    return
                if text[place : place + 1] != mark:
                    raise ViperError(f"{chunk}: is no JSON list, or ends early. {_REMEDY}")
                number += 1
                entry, text, place = _entry(decoder, file, text, place + 1, chunk, number)
                yield entry
                mark = ","
    except UnicodeDecodeError as error:
        raise ViperError(f"{chunk}: is no text in UTF-8. {_REMEDY}") from error


def _at_next(file: TextIO, text: str, place: int) -> tuple[str, int]:
    """Text and place of the next character that is no blank, read on if need be; behind the text at the end."""
    while (place := _BLANK.match(text, place).end()) == len(text):
        if not (more := file.read(_BLOCK)):
            break
        text, place = more, 0
    return text, place


def _entry(
    decoder: json.JSONDecoder, file: TextIO, text: str, place: int, chunk: Path, number: int
) -> tuple[Any, str, int]:
    """The entry at a place of the text, read on as far as it takes; the text, and the place behind the entry."""
    step = _BLOCK
    while True:
        try:
            entry, end = decoder.raw_decode(text, _BLANK.match(text, place).end())
            if _BEHIND.match(text, end):  # else a number may go on in the next block
                return entry, text, end
        except json.JSONDecodeError:
            pass
        except (RecursionError, ValueError) as error:  # more text would not help
            reason = "is nested too deeply" if isinstance(error, RecursionError) else "has a number of too many digits"
            raise ViperError(f"{chunk}, item {number}: {reason}. {_REMEDY}") from error
        more = file.read(step) if len(text) - place < _MOST else ""
        if not more:
            raise ViperError(f"{chunk}: has something else than items, or ends in the middle of one. {_REMEDY}")
        # Doubled: a long item is tried a few times, not hundreds.
        text, place, step = text[place:] + more, 0, 2 * step


def _row(item: Any, where: str) -> list[str]:
    read = validated(item, Item, where, _REMEDY)
    options = [option[3:].removeprefix(" ") for option in read.options[: len(_LETTERS)]]  # without "(A) "
    lines = _INTRODUCTION + "\n".join(read.options)
    return [read.index, read.image, read.question, lines, *options, read.answer, read.category, read.subcategory]


def check_content(table: pd.DataFrame, path: Path) -> None:
    """Hold a table to what is published of it, whoever made it: as many items.

    Raises:
        ViperError: it has more or fewer.
    """
    if len(table) != ITEMS:
        raise ViperError(f"{path}: has {len(table)} items, MME-RealWorld has {ITEMS}. Remove it, and fetch it again")

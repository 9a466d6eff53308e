"""MME-RealWorld's table, which nobody publishes: nine chunks of JSON are, and everybody makes the table of them.

VLMEvalKit puts the rows in the order in which a folder lists the chunks, another one on every machine, and the MD5 that
it has is that of one of these tables. Here chunks are taken by their numbers, so that the table is the same everywhere,
and what is held to the published one is its content.

The chunks have 35 GB. They are read an item at a time: what is held is a few times the largest item.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

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
_BLANKS = " \t\r\n"
_BLOCK = 2**24  # characters read at once
_MOST = 2**30  # characters of one item


class Item(BaseModel):
    """What is read of an item of a chunk; it may have more."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    index: str
    image: str
    question: str
    options: list[str] = Field(alias="multi-choice options", min_length=len(_LETTERS))
    answer: str
    category: str
    subcategory: str = Field(alias="l2-category")


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
        ViperError: it is no JSON list of entries, ends early, or has an entry of more than a gigabyte.
    """
    decoder, text, place, mark = json.JSONDecoder(), "", 0, "["
    try:
        with chunk.open(encoding="utf-8") as file:
            while True:
                text, place = _at_next(file, text, place)
                if text[place : place + 1] == "]" and mark == ",":
                    return
                if text[place : place + 1] != mark:
                    raise ViperError(f"{chunk}: is no JSON list, or ends early. {_REMEDY}")
                entry, text, place = _entry(decoder, file, text[place + 1 :], chunk)
                yield entry
                mark = ","
    except UnicodeDecodeError as error:
        raise ViperError(f"{chunk}: is no text in UTF-8. {_REMEDY}") from error


def _at_next(file: TextIO, text: str, place: int) -> tuple[str, int]:
    """Text and place of the next character that is no blank, read on if need be; behind the text at the end."""
    while True:
        while place < len(text) and text[place] in _BLANKS:
            place += 1
        if place < len(text) or not (more := file.read(_BLOCK)):
            return text, place
        text, place = more, 0


def _entry(decoder: json.JSONDecoder, file: TextIO, text: str, chunk: Path) -> tuple[Any, str, int]:
    """The entry that `text` begins with, read on as far as it takes; the text, and the place behind the entry."""
    step = _BLOCK
    while True:
        try:
            place = len(text) - len(text.lstrip(_BLANKS))
            entry, place = decoder.raw_decode(text, place)
            if place < len(text):  # else a number may go on in the next block
                return entry, text, place
        except json.JSONDecodeError:
            pass
        more = file.read(step) if len(text) < _MOST else ""
        if not more:
            raise ViperError(f"{chunk}: has something else than items, or ends in the middle of one. {_REMEDY}")
        text, step = text + more, 2 * step  # doubled: a long item is tried a few times, not hundreds


def _row(item: Any, where: str) -> list[str]:
    read = validated(item, Item, where, _REMEDY)
    options = [option[4:] for option in read.options[: len(_LETTERS)]]  # without "(A) "
    lines = _INTRODUCTION + "\n".join(read.options)
    return [read.index, read.image, read.question, lines, *options, read.answer, read.category, read.subcategory]


def check_content(table: pd.DataFrame, path: Path) -> None:
    """Hold a table to what is published of it, whoever made it: as many items.

    Raises:
        ViperError: it has more or fewer.
    """
    if len(table) != ITEMS:
        raise ViperError(f"{path}: has {len(table)} items, MME-RealWorld has {ITEMS}. Remove it, and fetch it again")

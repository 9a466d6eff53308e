"""Mantis-Eval's table, in VLMEvalKit's form, from the Parquet file of TIGER-Lab/Mantis-Eval."""

import base64
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from viper.errors import ViperError
from viper.files import write_table
from viper.pictures import PictureError, png, read_picture
from viper.reading import open_parquet, validated

_REMEDY = "Take it from the hub data set TIGER-Lab/Mantis-Eval again"


class Picture(BaseModel):
    """A picture of an item, in its file's own form."""

    content: bytes = Field(alias="bytes", strict=True)


class Item(BaseModel):
    """What is read of a row; it may have more."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    question_type: Literal["multi-choice", "short-answer"]
    question: str = Field(min_length=1)
    images: list[Picture] = Field(min_length=1)
    options: list[str] | None  # with or without "(A)"; of multiple choice alone
    answer: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    category: str | None = None

    @model_validator(mode="after")
    def _check_options(self) -> "Item":
        if self.question_type == "multi-choice" and not 0 < len(self.options or []) <= len(string.ascii_uppercase):
            raise ValueError(f"multiple choice has 1 to {len(string.ascii_uppercase)} options")
        return self


_NEEDED = sorted(name for name, field in Item.model_fields.items() if field.is_required())


def convert(parquet: list[Path], output: Path) -> int:
    """Write the TSV of Mantis-Eval from the Parquet files of TIGER-Lab/Mantis-Eval; return the number of items.

    Columns read: see `Item`.

    Raises:
        ViperError: a file or a picture cannot be read, a column is missing, a row is not what it must be, or an answer
            names no option: file and row; or there are no rows.
    """
    rows = [
        _row(number, item, where)
        for number, (item, where) in enumerate(each for path in parquet for each in _items(path))
    ]
    if not rows:
        raise ViperError(f"{', '.join(map(str, parquet))}: no items. {_REMEDY}")
    write_table(output, pd.DataFrame(rows, dtype=object))
    return len(rows)


def _items(path: Path) -> Iterator[tuple[Item, str]]:
    """The rows of a file, each with how a message names it."""
    table = open_parquet(path, remedy=_REMEDY)
    there = table.column_names
    if missing := [name for name in _NEEDED if name not in there]:
        raise ViperError(f"{path}: lacks the columns {', '.join(missing)}: is this TIGER-Lab/Mantis-Eval?")
    if twice := [name for name in Item.model_fields if there.count(name) > 1]:
        raise ViperError(f"{path}: has the columns {', '.join(twice)} twice. {_REMEDY}")
    table = table.select([name for name in Item.model_fields if name in there])
    for place in range(len(table)):
        where = f"{path}, row {place + 1}"
        try:
            (row,) = table.slice(place, 1).to_pylist()
        except UnicodeDecodeError as error:
            raise ViperError(f"{where}: has text that is not UTF-8. {_REMEDY}") from error
        yield validated(row, Item, where, _REMEDY), where


def _row(number: int, item: Item, where: str) -> dict:
    images = [_as_base64(image.content, f"{where}, picture {place}") for place, image in enumerate(item.images, 1)]
    row = {
        "index": number,
        "image": str(images) if len(images) > 1 else images[0],
        "question": item.question,
        "category": item.question_type,
        "l2-category": item.category or "",
        "answer": item.answer,
    }
    if item.question_type == "multi-choice":
        options = [re.sub(r"^\s*\(?[A-Z][).:]\s*", "", option) for option in item.options]
        row |= dict(zip(string.ascii_uppercase, options, strict=False))
        row["answer"] = item.answer.strip("(). ").upper()
        if row["answer"] not in list(string.ascii_uppercase[: len(options)]):
            raise ViperError(
                f"{where} ({item.id}): the answer {item.answer!r} is none of its {len(options)} options. {_REMEDY}"
            )
    return row


def _as_base64(content: bytes, where: str) -> str:
    """The picture as base64 PNG, which is what VLMEvalKit unpacks."""
    try:
        return base64.b64encode(png(read_picture(content, where))).decode()
    except PictureError as error:
        raise ViperError(f"{error}. {_REMEDY}") from error

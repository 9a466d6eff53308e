"""Mantis-Eval's table, in VLMEvalKit's form, from the Parquet file of TIGER-Lab/Mantis-Eval."""

import base64
import re
import string
from pathlib import Path

import pandas as pd

from viper.errors import ViperError
from viper.files import write_table
from viper.pictures import png, read_picture
from viper.reading import read_parquet

_REMEDY = "Take it from the hub data set TIGER-Lab/Mantis-Eval again"


def convert(parquet: list[Path], output: Path) -> int:
    """Write the TSV of Mantis-Eval from the Parquet files of TIGER-Lab/Mantis-Eval; return the number of items.

    Columns read: id, question_type, question, images (list of {bytes}), options (list of texts, with or without
    "(A)"), answer, category.

    Raises:
        ViperError: a file or a picture cannot be read, a column is missing, or an answer names no option.
    """
    table = pd.concat([read_parquet(path, remedy=_REMEDY) for path in parquet], ignore_index=True)
    missing = {"id", "question_type", "question", "images", "options", "answer"} - set(table.columns)
    if missing:
        raise ViperError(
            f"{parquet[0]}: lacks the columns {', '.join(sorted(missing))}: is this TIGER-Lab/Mantis-Eval?"
        )
    rows = [_row(number, item) for number, item in enumerate(table.to_dict("records"))]
    write_table(output, pd.DataFrame(rows, dtype=object))
    return len(rows)


def _row(number: int, item: dict) -> dict:
    images = [_as_base64(image["bytes"], f"Mantis-Eval item {item['id']}") for image in item["images"]]
    row = {
        "index": number,
        "image": str(images) if len(images) > 1 else images[0],
        "question": item["question"],
        "category": item["question_type"],
        "l2-category": item.get("category", ""),
        "answer": str(item["answer"]).strip(),
    }
    if item["question_type"] == "multi-choice":
        options = [re.sub(r"^\s*\(?[A-Z][).:]\s*", "", option) for option in item["options"]]
        row |= dict(zip(string.ascii_uppercase, options, strict=False))
        row["answer"] = row["answer"].strip("(). ").upper()
        if row["answer"] not in string.ascii_uppercase[: len(options)]:
            raise ViperError(f"Mantis-Eval item {item['id']}: the answer {item['answer']!r} is none of its options")
    return row


def _as_base64(content: bytes, where: str) -> str:
    """The picture as base64 PNG, which is what VLMEvalKit unpacks."""
    return base64.b64encode(png(read_picture(content, where))).decode()

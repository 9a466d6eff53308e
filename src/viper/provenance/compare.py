"""Whether two files are the same: byte by byte, or how far apart their numbers are."""

import csv
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

TOLERANCE = 1e-3  # of tables: a thousandth of a point, where intervals are several points wide
PIXEL_TOLERANCE = 2.0  # of pictures: mean difference of a channel, of 255
# What a run measures of the machine is never twice the same.
MEASURED = {"seconds", "peak_mb", "mean_load_percent"}
# Columns of text, whatever it looks like: the answers "007" and "7" are two.
TEXTS = {"index", "id", "category", "l2-category", "question", "answer", "prediction", "reading", "extracted", "term"}


class Verdict(StrEnum):
    """How alike two files are."""

    IDENTICAL = "identical"
    CLOSE = "within tolerance"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Comparison:
    """A verdict, and in words what it rests on."""

    verdict: Verdict
    detail: str = ""


def compare(first: Path, second: Path) -> Comparison:
    """Compare two files of the same name.

    Tables and JSON are compared number by number where their bytes differ, text by equality, pictures pixel by pixel;
    columns that hold measured times and memory are left out.
    """
    if first.read_bytes() == second.read_bytes():
        return Comparison(Verdict.IDENTICAL)
    match first.suffix:
        case ".csv" | ".tsv" | ".parquet":
            return _tables(first, second)
        case ".json":
            return _numbers(
                _leaves(json.loads(first.read_text(encoding="utf-8"))),
                _leaves(json.loads(second.read_text(encoding="utf-8"))),
            )
        case ".png":
            return _pictures(first, second)
    return Comparison(Verdict.DIFFERENT, f"{first.stat().st_size} and {second.stat().st_size} bytes")


def _tables(first: Path, second: Path) -> Comparison:
    one, other = _columns(first), _columns(second)
    if one is None or other is None:
        return Comparison(Verdict.DIFFERENT, "one of them is no table")
    if list(one) != list(other) or [*map(len, one.values())] != [*map(len, other.values())]:
        return Comparison(Verdict.DIFFERENT, "other columns or another number of rows")
    kept = [column for column in one if column not in MEASURED]
    if first.suffix != ".parquet":
        for column in kept:
            cells = _as_numbers(column, one[column] + other[column])
            one[column], other[column] = cells[: len(one[column])], cells[len(one[column]) :]

    def cells(table: dict[str, list]) -> dict[tuple, Any]:
        return {(column, row): value for column in kept for row, value in enumerate(table[column])}

    return _numbers(cells(one), cells(other), "apart from measured times" if len(kept) < len(one) else "")


def _columns(path: Path) -> dict[str, list] | None:
    """A table as column → cells; those of a text file as they stand in it. None: it is no table.

    Not `viper.reading`, which stops at a file that is not the recorded one: here that is the question.
    """
    if path.suffix == ".parquet":
        import pandas as pd

        return {column: cells.tolist() for column, cells in pd.read_parquet(path).items()}
    csv.field_size_limit(sys.maxsize)  # a cell may hold a picture
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    except (ValueError, csv.Error):  # no header, or no text
        return None
    if any(len(row) != len(header) for row in rows):
        return None
    return {column: [row[place] for row in rows] for place, column in enumerate(header)}


def _as_numbers(column: str, cells: list[str]) -> list[float] | list[str]:
    """The cells as numbers, empty ones as NaN, where the column holds nothing else."""
    if column in TEXTS:
        return cells
    try:
        return [float(cell or "nan") for cell in cells]
    except ValueError:
        return cells


def _leaves(value: Any, place: tuple = ()) -> dict[tuple, Any]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: leaf for name, inner in items for key, leaf in _leaves(inner, (*place, name)).items()}
    return {place: value}


def _numbers(one: dict[tuple, Any], other: dict[tuple, Any], note: str = "") -> Comparison:
    """Compare leaf by leaf: numbers by their distance, anything else by equality; empty cells equal each other."""
    if one.keys() != other.keys():
        return Comparison(Verdict.DIFFERENT, "other entries")
    largest = 0.0
    for place, value in one.items():
        if isinstance(value, int | float) and isinstance(other[place], int | float):
            distance = abs(value - other[place])
            both_empty = value != value and other[place] != other[place]
            if distance != distance and not both_empty:
                return Comparison(Verdict.DIFFERENT, f"at {place}: {value} and {other[place]}")
            largest = max(largest, 0.0 if both_empty else distance)
        elif str(value) != str(other[place]):
            return Comparison(Verdict.DIFFERENT, f"at {place}: {str(value)[:40]} and {str(other[place])[:40]}")
    detail = f"largest difference {largest:.3g}{f', {note}' if note else ''}"
    return Comparison(Verdict.CLOSE if largest <= TOLERANCE else Verdict.DIFFERENT, detail)


def _pictures(first: Path, second: Path) -> Comparison:
    import numpy as np

    from viper.pictures import read_picture

    one, other = (np.asarray(read_picture(path), dtype=float) for path in (first, second))
    if one.shape != other.shape:
        return Comparison(Verdict.DIFFERENT, f"{one.shape[:2]} and {other.shape[:2]} pixels")
    mean = float(np.abs(one - other).mean())
    detail = f"mean difference of a channel {mean:.3g} of 255"
    return Comparison(Verdict.CLOSE if mean <= PIXEL_TOLERANCE else Verdict.DIFFERENT, detail)

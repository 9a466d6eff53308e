"""Whether two files are the same: byte by byte, or how far apart their numbers are."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

TOLERANCE = 1e-3  # of tables: a thousandth of a point, where intervals are several points wide
PIXEL_TOLERANCE = 2.0  # of pictures: mean difference of a channel, of 255
# What a run measures of the machine is never twice the same.
MEASURED = {"seconds", "peak_mb", "mean_load_percent"}


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

    Tables and JSON are compared number by number where their bytes differ, pictures pixel by pixel; columns that hold
    measured times and memory are left out.
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
    import pandas as pd

    def read(path: Path) -> "pd.DataFrame":
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")

    one, other = read(first), read(second)
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return Comparison(Verdict.DIFFERENT, "other columns or another number of rows")
    kept = [column for column in one.columns if column not in MEASURED]

    def cells(table: "pd.DataFrame") -> dict[tuple, Any]:
        return {(column, row): value for column in kept for row, value in table[column].items()}

    return _numbers(cells(one), cells(other), "apart from measured times" if len(kept) < len(one.columns) else "")


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

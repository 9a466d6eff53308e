"""What every table must hold beyond its columns: each row exactly once, and numbers that are numbers.

A reader of `viper.reading` says whether a file is a table with the columns that are needed. A row that is missing,
twice there, or without its number would go on as a blank cell, as another row's, or as a traceback somewhere else.
`keyed` is the one place that refuses it, for tables that are computed with and for those that are drawn.
"""

import math
from collections.abc import Collection, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from viper.digests import REMEDY
from viper.errors import ViperError

_ROUNDING = 1e-6  # how far a share may lie outside of its bounds: what sums and written decimals leave


class Number(NamedTuple):
    """What a number may be: a finite one from `low` to `high`, and a whole one where that is asked."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False

    def allows(self, values: pd.Series) -> pd.Series:
        """Which of some values it may be."""
        within = (values >= self.low - _ROUNDING) & (values <= self.high + _ROUNDING) & (abs(values) < math.inf)
        return within & (values % 1 == 0) if self.whole else within

    def __str__(self) -> str:
        """What it is, for a message."""
        bounds = [f"from {self.low:g}"] if self.low > -math.inf else []
        bounds += [f"to {self.high:g}"] if self.high < math.inf else []
        return " ".join(["whole" if self.whole else "finite", "number", *bounds])


FINITE, SHARE, PERCENT = Number(), Number(0, 1), Number(0, 100)
HIT, COUNT, NATURAL = Number(0, 1, whole=True), Number(1, whole=True), Number(0, whole=True)


def keyed(
    table: pd.DataFrame,
    path: str | Path,
    *keys: str | Collection[str],
    numbers: Mapping[str, Number] | None = None,
    values: Mapping[str, Collection] | None = None,
    blank: Mapping[str, "pd.Series | bool"] | None = None,
    remedy: str = REMEDY,
) -> pd.DataFrame:
    """The table, once it is known to hold every row that it needs exactly once, and numbers where they belong.

    Args:
        path: of its file, for the message.
        keys: columns, or groups of them, that tell rows apart: every combination of what one key holds with what the
            others hold is there once. A single key, of however many columns, only has nothing twice.
        numbers: column → what it may hold; text is none.
        values: column → all that it may hold; of a key, each of these is there.
        blank: columns of `numbers` that may be blank, and in which rows, where not in all.

    Raises:
        ViperError: a row is missing or twice there, there is none, or a cell holds what it may not.
    """
    groups, values = [[key] if isinstance(key, str) else list(key) for key in keys], values or {}
    columns = [name for group in groups for name in group]
    for name in columns:
        if (table[name].isna() | ~table[name].map(pd.api.types.is_scalar)).any():
            raise ViperError(f"{path}: column {name} has cells that are neither text nor numbers. {remedy}")
    for name, allowed in values.items():
        if (other := ~table[name].isin(list(allowed))).any():
            known = ", ".join(map(str, allowed))
            raise ViperError(f"{_place(table, path, columns, other)}{name} is none of {known}. {remedy}")
    if (twice := table.duplicated(columns)).any():
        raise ViperError(f"{_place(table, path, columns, twice)}is there twice. {remedy}")
    there = set(table[columns].itertuples(index=False, name=None))
    for parts in product(*(_found(table, group, values) for group in groups)):
        if (wanted := tuple(cell for part in parts for cell in part)) not in there:
            raise ViperError(f"{path}: lacks the row {_named(columns, wanted)}. {remedy}")
    if table.empty:
        raise ViperError(f"{path}: holds no rows. {remedy}")
    for name, number in (numbers or {}).items():
        cells = table[name]
        if not pd.api.types.is_numeric_dtype(cells):
            raise ViperError(f"{path}: column {name} holds what is no {number}. {remedy}")
        left_out = (blank or {}).get(name, False)
        if (wrong := ~number.allows(cells) & ~(cells.isna() & left_out)).any():
            told = f"{name} is {cells[wrong].iloc[0]}, no {number}"
            raise ViperError(f"{_place(table, path, columns, wrong)}{told}. {remedy}")
    return table


def _found(table: pd.DataFrame, group: list[str], values: Mapping[str, Collection]) -> list[tuple]:
    """What a key must hold: what is asked of its column, or what it holds anywhere."""
    if len(group) == 1 and group[0] in values:
        return [(value,) for value in values[group[0]]]
    found = list(dict.fromkeys(table[group].itertuples(index=False, name=None)))
    for name in [each for each in group if each in values]:
        lacking = [value for value in values[name] if value not in set(table[name])]
        found += [tuple(value if name == each else "any" for each in group) for value in lacking]
    return found


def _place(table: pd.DataFrame, path: str | Path, columns: list[str], rows: pd.Series) -> str:
    """The first of some rows, as a message begins."""
    first = table[rows].iloc[0]
    return f"{path}: the row {_named(columns, [first[name] for name in columns])}: "


def _named(columns: list[str], cells: Collection) -> str:
    """A row by its keys, in one line whatever they hold."""
    return ", ".join(f"{name} {' '.join(str(cell).split())}" for name, cell in zip(columns, cells, strict=True))

"""Labelled pairs of sentences: the same meaning, or one thing wrong. What a threshold must tell apart."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viper.errors import ViperError
from viper.reward.sentences import normalize


@dataclass(frozen=True)
class Pair:
    """Two sentences, whether they mean the same, and what sort of pair it is (such as 'color' for a wrong color)."""

    first: str
    second: str
    same: bool
    kind: str


def read_pairs(path: str | Path) -> list[Pair]:
    """Labelled pairs from a .csv or .jsonl with `first`, `second`, `same` (true or false, 1 or 0) and perhaps `kind`.

    Raises:
        ViperError: the file or a column is missing, or a row cannot be read; names the row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ViperError(f"{path}: labelled pairs cannot be read ({error})") from error
    labels = {"true": True, "1": True, "false": False, "0": False}
    pairs = []
    for number, row in _numbered_rows(path, text):
        try:
            first, second, same = (str(row[key]).strip() for key in ("first", "second", "same"))
        except (KeyError, TypeError) as error:
            raise ViperError(f"{path}, line {number}: a pair needs first, second and same") from error
        if not normalize(first) or not normalize(second) or same.lower() not in labels:
            raise ViperError(
                f"{path}, line {number}: a pair needs two sentences and same = true or false, found {same[:60]!r}"
            )
        same_meaning = labels[same.lower()]
        kind = str(row.get("kind") or ("same" if same_meaning else "different"))
        pairs.append(Pair(first, second, same_meaning, kind))
    return pairs


def _numbered_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a .csv or .jsonl, each with the number of the line that it ends on; blank lines are skipped."""
    if path.suffix == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""))
        try:
            yield from ((table.line_num, row) for row in table)
        except csv.Error as error:
            raise ViperError(f"{path}, line {table.line_num}: labelled pairs cannot be read ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ViperError(f"{path}, line {number}: labelled pairs cannot be read ({error})") from error

"""Labelled pairs of sentences: the same meaning, or one thing wrong. What a threshold must tell apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator

from viper.reading import read_json_lines, read_numbered_rows, validated
from viper.reward.sentences import normalize

_REMEDY = (
    "Labelled pairs are a .csv or .jsonl with first, second, same (true or false, 1 or 0) and perhaps kind: correct "
    "the file, or name another as reward.calibration.pairs"
)
_LABELS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Pair:
    """Two sentences, whether they mean the same, and what sort of pair it is (such as 'color' for a wrong color)."""

    first: str
    second: str
    same: bool
    kind: str


def _sentence(text: str) -> str:
    if not normalize(text):
        raise ValueError("a sentence is wanted, this is blank")
    return text.strip()


def _label(value: Any) -> bool:
    label = str(value).strip().lower()
    if label not in _LABELS:
        raise ValueError(f"true or false is wanted, found {label[:60]!r}")
    return _LABELS[label]


class _Row(BaseModel):
    """A row of a file of pairs; it may have more columns."""

    first: Annotated[str, AfterValidator(_sentence)]
    second: Annotated[str, AfterValidator(_sentence)]
    same: Annotated[bool, BeforeValidator(_label)]
    kind: str | None = None

    def pair(self) -> Pair:
        return Pair(self.first, self.second, self.same, self.kind or ("same" if self.same else "different"))


def read_pairs(path: str | Path) -> list[Pair]:
    """Labelled pairs from a .csv or .jsonl with `first`, `second`, `same` (true or false, 1 or 0) and perhaps `kind`.

    Raises:
        ViperError: the file or a column is missing, or a row cannot be read; names the row's line.
    """
    if Path(path).suffix != ".csv":
        return [row.pair() for row in read_json_lines(path, _Row, _REMEDY)]
    rows = read_numbered_rows(path, needed=("first", "second", "same"), remedy=_REMEDY)
    return [validated(cells, _Row, f"{path}, line {line}", _REMEDY).pair() for line, cells in rows]

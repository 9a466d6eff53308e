"""How far judgements agree: two people's with each other, and with the truth of drawn pictures.

Agreement is Cohen's kappa (scikit-learn's), over the parts that both have judged: 1 is full agreement, 0 what chance
gives to two who say yes, no and unsure as often as these do.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from viper.errors import ViperError
from viper.questions.inspection.items import COLUMNS, ELSE, KEY, NO, UNSURE, YES
from viper.reading import read_numbered_rows
from viper.synthesis.photographs import printable

ALLOWED = (YES, NO, UNSURE, "")  # '': not judged
REMEDY = "Save it anew from the page inspection_sheet.html, and change nothing but its name"
AGREEMENT = ["first", "second", "parts", "number", "agree", "kappa", "low", "high"]
TRUTH = "the truth"  # what it is called beside the judges
PARTS = {"sentences": False, "something else": True}  # what is judged → whether it is the last part of an item


def read_judgements(path: str | Path) -> pd.DataFrame:
    """A file of judgements that the page saved, or of the truth: COLUMNS, indexed by KEY.

    Raises:
        ViperError: it is no such table, is empty, judges a part twice or in other words, or is of several pages.
    """
    rows, places = [], dict[tuple[str, ...], int]()
    for line, row in read_numbered_rows(path, needed=COLUMNS, separator=",", remedy=REMEDY):
        key = tuple(row[name].strip() for name in KEY)
        if key in places:
            raise ViperError(f"{path}, line {line}: judges the same part as line {places[key]}. {REMEDY}")
        judgement = row["judgement"].strip()
        if judgement not in ALLOWED:
            raise ViperError(
                f"{path}, line {line}: the judgement {judgement[:40]!r} is none of yes, no, unsure or empty. {REMEDY}"
            )
        if rows and key[0] != rows[0][0]:
            raise ViperError(f"{path}, line {line}: is of the page {key[0]}, the first of {rows[0][0]}. {REMEDY}")
        places[key] = line
        rows.append((*key, judgement))
    if not rows:
        raise ViperError(f"{path}: judges nothing: it has a header and no line. {REMEDY}")
    return pd.DataFrame(rows, columns=COLUMNS).set_index(KEY)


def check_apart(tables: Mapping[str, pd.DataFrame]) -> None:
    """Whether judgements are of different judges.

    Args:
        tables: by the names of those who judged, the truth among them where it is known.

    Raises:
        ViperError: two judge the same parts alike, every one, which is one file or a copy of it.
    """
    for (first, table), (second, other) in combinations(tables.items(), 2):
        if table.sort_index().equals(other.sort_index()):
            raise ViperError(f"{first} and {second}: hold the same judgements: name the files of two people")


def same_page(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The judgements of several sources as columns named by them, of the same parts.

    Raises:
        ViperError: they are not of the same page, or not of the same parts.
    """
    (first, table), *others = tables.items()
    for name, other in others:
        pages = [each.index.get_level_values("page")[0] for each in (table, other)]
        if pages[0] != pages[1]:
            raise ViperError(
                f"{first} is of the page {pages[0]}, {name} of {pages[1]}: name judgements of the same page"
            )
        if len(table.index) != len(other.index) or not table.index.isin(other.index).all():
            lacking = len(table.index.symmetric_difference(other.index))
            raise ViperError(f"{first} and {name}: {lacking} parts are only in one of them. {REMEDY}")
    return pd.DataFrame({name: each["judgement"].reindex(table.index) for name, each in tables.items()})


def agreement(judged: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Agreement of each two columns of `same_page`: AGREEMENT, a row for each sort of parts.

    The interval is a normal one, by the jackknife over pictures, which are left out whole, and reaches at least as far
    as one more part would move kappa of which one judge says yes and the other no: full agreement on few parts is no
    certainty. Kappa and interval are NaN where they are not defined: where both only ever say one and the same, or have
    no part in common; the interval also where all parts are of one picture.
    """
    is_last = judged.index.get_level_values("part") == ELSE
    rows = []
    for first, second in combinations(judged.columns, 2):
        for name, last in PARTS.items():
            pairs = judged[(is_last == last) & (judged[first] != "") & (judged[second] != "")][[first, second]]
            agree = float((pairs[first] == pairs[second]).mean()) if len(pairs) else float("nan")
            rows.append((first, second, name, len(pairs), agree, *_with_interval(pairs, confidence)))
    return pd.DataFrame(rows, columns=AGREEMENT)


def kappa(pairs: pd.DataFrame) -> float:
    """Cohen's kappa of two columns; NaN where it is not defined."""
    from sklearn.metrics import cohen_kappa_score

    if pairs.to_numpy().size == 0 or len(set(pairs.to_numpy().ravel())) < 2:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is undefined, which NaN says
        return float(cohen_kappa_score(pairs.iloc[:, 0], pairs.iloc[:, 1]))


def _with_interval(pairs: pd.DataFrame, confidence: float) -> tuple[float, float, float]:
    value = kappa(pairs)
    pictures = pairs.groupby(["seed", "id"], sort=True).ngroup().to_numpy()
    n = len(set(pictures))
    left_out = np.array([kappa(pairs[pictures != each]) for each in range(n)])
    left_out = np.where(
        np.isfinite(left_out), left_out, value
    )  # what is left is all the same: nothing is learned of it
    if n < 2:
        return value, float("nan"), float("nan")
    half = norm.ppf((1 + confidence) / 2) * np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    more = [pd.DataFrame([each], columns=pairs.columns) for each in ((YES, NO), (NO, YES))]
    half = max([half, *(abs(value - kappa(pd.concat([pairs, each]))) for each in more)])
    return value, max(value - float(half), -1.0), min(value + float(half), 1.0)


def told(table: pd.DataFrame) -> list[str]:
    """The rows of `agreement` as sentences."""
    lines = []
    for row in table.itertuples():
        if np.isfinite(row.kappa):
            value = f"Cohen's kappa {row.kappa:.2f} [{row.low:.2f}, {row.high:.2f}], {100 * row.agree:.0f} % the same"
        else:
            value = "Cohen's kappa is not defined: both say one thing only" if row.number else "no part judged by both"
        lines.append(f"{row.first} and {row.second}, {row.parts}: {row.number} judged by both: {value}")
    return lines


def names(paths: Sequence[Path]) -> list[str]:
    """What files are called in tables: their names without suffix; their paths where two have one, or the truth's."""
    stems = [printable(path.stem) for path in paths]
    return stems if len({*stems, TRUTH}) > len(stems) else [printable(path) for path in paths]

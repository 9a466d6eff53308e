"""The answer to an open question: a claim, measured with an interval, its verdict, and a sentence that may be quoted.

The rule of the verdict is that of the paper's claims (`viper.analysis.verdicts`); here a claim may have any unit.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from viper.analysis.bootstrap import Estimate, Spread
from viper.analysis.claims import Kind
from viper.analysis.keyed import FINITE, keyed
from viper.analysis.verdicts import EQUAL, INCONCLUSIVE, NOT_MEASURED, NOT_SUPPORTED, SUPPORTED, VERDICTS, verdict
from viper.errors import ViperError
from viper.questions.generations.course import COURSES
from viper.reading import read_table

COLUMNS = ["question", "claim", "text", "measured", "low", "high", "unit", "margin", "verdict"]
KEY = COLUMNS[:2]
COLUMNS += ["seeds", "items", "reachable", "sentence"]


def answer(
    question: str,
    claim: str,
    text: str,
    estimate: Estimate,
    *,
    unit: str,
    seeds: int,
    items: int,
    reachable: float,
    sentence: str,
    kind: Kind = "better",
    margin: float = 0.0,
) -> dict[str, object]:
    """One row of a question's claims; the keys are COLUMNS.

    Args:
        question, claim: identifiers; `text` is the claim in words, true where what is measured is positive.
        estimate: what was measured, with its interval.
        unit: of the estimate, such as 'points'.
        seeds, items: how many of each it rests on.
        reachable: half the width of the interval that this design gives: a smaller effect stays undecided.
        sentence: what was found, with its numbers, for a reader to quote. `{verdict}` in it becomes the verdict.
        kind, margin: see the rule of the verdict.
    """
    judged = verdict(estimate.low, estimate.high, margin, kind)
    return {
        "question": question,
        "claim": claim,
        "text": text,
        "measured": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "unit": unit,
        "margin": margin,
        "verdict": judged,
        "seeds": seeds,
        "items": items,
        "reachable": reachable,
        "sentence": sentence.replace("{verdict}", judged),
    }


def over_seeds(values: Sequence[float], item_errors: Sequence[float], confidence: float) -> tuple[Estimate, Spread]:
    """The mean of one value per seed, with an interval over seeds and what each rests on.

    Args:
        values: (seeds,) one value per seed, each from items of its own.
        item_errors: (seeds,) standard error of each that is due to its items.
        confidence: level of the interval.

    Returns:
        Student's interval of the values, whose differences hold those of the items too; with one seed, the normal
        interval of its items.
    """
    values, errors = np.asarray(values, float), np.asarray(item_errors, float)
    of_items = float(np.sqrt((errors**2).sum()) / len(errors))
    if len(values) == 1:
        spread = Spread(1, float("nan"), of_items)
    else:  # where few seeds happen to agree, their items still differ: the wider of the two is what is known
        spread = Spread(len(values), float(values.std(ddof=1)), 0.0)
        spread = spread._replace(of_items=float(np.sqrt(max(of_items**2 - spread.of_seeds**2 / len(values), 0.0))))
    half = spread.half_width((1 - confidence) / 2)
    mean = float(values.mean())
    return Estimate(mean, mean - half, mean + half), spread


def pooled_half_widths(spreads: Sequence[Spread], tail: float) -> list[float]:
    """Half the width of an interval of each of several trained lineages, whose seeds are taken to differ alike.

    The variance of seeds is estimated from all of them, with k - 1 degrees of freedom of each one's k seeds: far out,
    Student's t of a few seeds alone reaches further than any effect. Lineages' runs are taken for independent.

    Args:
        spreads: of each; those of one seed have an interval over items alone, and no part in the variance of seeds.
        tail: the probability that each interval leaves beyond each of its ends.
    """
    several = [spread for spread in spreads if spread.n_seeds > 1]
    if not several:
        return [spread.half_width(tail) for spread in spreads]
    degrees = sum(spread.n_seeds - 1 for spread in several)
    of_seeds = np.sqrt(sum((spread.n_seeds - 1) * spread.of_seeds**2 for spread in several) / degrees)
    t, z = stats.t.ppf(1 - tail, degrees), stats.norm.ppf(1 - tail)
    return [
        float(np.hypot(t * of_seeds / np.sqrt(spread.n_seeds) if spread.n_seeds > 1 else 0.0, z * spread.of_items))
        for spread in spreads
    ]


def table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """The claims of a question as a table with the columns COLUMNS."""
    return pd.DataFrame(rows, columns=COLUMNS)


def gather(paths: Sequence[Path]) -> pd.DataFrame:
    """The claims of all questions as one table, with the columns COLUMNS.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`; or two files answer the same claim.
    """
    numbers = dict.fromkeys(("measured", "low", "high", "margin", "reachable"), FINITE)
    values = {"verdict": [*VERDICTS, *COURSES.values()]}
    owners: dict[tuple[str, str], Path] = {}
    tables = []
    for path in paths:
        rows = read_table(path, needed=COLUMNS, numbers=numbers)
        unknown = rows["verdict"] == NOT_MEASURED
        blank = dict.fromkeys(("measured", "low", "high"), unknown) | {"reachable": True}
        tables.append(keyed(rows, path, KEY, numbers=numbers, values=values, blank=blank)[COLUMNS])
        for key in rows[KEY].itertuples(index=False, name=None):
            if key in owners:
                raise ViperError(f"{owners[key]} and {path}: both answer {' '.join(key)}: name one table a question")
            owners[key] = path
    return pd.concat(tables, ignore_index=True)


def _cell(text: str) -> str:
    """Text that stays in its cell and on its line of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")


def _legend(confidence: float) -> list[str]:
    """What the verdicts mean, in lines of Markdown; see `viper.analysis.verdicts` and the courses of `generations`."""
    meanings = {
        SUPPORTED: "lies above zero, wholly",
        NOT_SUPPORTED: "lies below zero, wholly; or is zero alone, of a claim that cannot come out equal",
        EQUAL: "holds zero and lies wholly within the margin, both ways, of a claim that can come out equal",
        INCONCLUSIVE: "holds zero and is none of these: with these items and seeds nobody can tell",
        NOT_MEASURED: "has no ends, for nothing was measured",
    }
    lines = ["## Verdicts", "", "| verdict | of a loop's course | the interval |", "|---|---|---|"]
    lines += [f"| *{name}* | {_course(name)} | {meaning} |" for name, meaning in meanings.items()]
    return [
        *lines,
        "",
        f"Intervals of {confidence:.0%}, each by itself or, where sentences say so, together for several claims; "
        "with one seed they are over items only. A claim that one thing is *at least as* high, large or much is held "
        "to minus its margin where others are held to zero; of the others, those with a margin can come out equal. "
        "`reachable` in the table of claims says how small an effect each design can find.",
    ]


def _course(name: str) -> str:
    return f"*{COURSES[name]}*" if name in COURSES else "–"


def page(claims: pd.DataFrame, confidence: float) -> str:
    """The claims of all questions as a page in Markdown: one sentence each, then the numbers."""
    lines = ["# Open questions", ""]
    for question, rows in claims.groupby("question", sort=False):
        said = [f"- {' '.join(sentence.split())}" for sentence in rows["sentence"]]
        lines += [f"## {question.replace('_', ' ')}", "", *said, ""]
        lines += ["| claim | measured | interval | seeds | items | verdict |", "|---|---|---|---|---|---|"]
        for row in rows.itertuples():
            interval = f"[{row.low:+.3g}, {row.high:+.3g}]" + (f" (margin {row.margin:g})" if row.margin else "")
            measured = f"{row.measured:+.3g} {row.unit}"
            if np.isnan(row.measured):
                measured = interval = "–"
            cells = (row.text, measured, interval, row.seeds, row.items, f"**{row.verdict}**")
            lines.append(f"| {' | '.join(_cell(str(cell)) for cell in cells)} |")
        lines.append("")
    lines += _legend(confidence)
    return "\n".join(lines) + "\n"

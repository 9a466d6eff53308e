"""The answer to an open question: a claim, measured with an interval, its verdict, and a sentence that may be quoted.

The rule of the verdict is that of the paper's claims (`viper.analysis.verdicts`); here a claim may have any unit.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Estimate, Spread
from viper.analysis.claims import Kind
from viper.analysis.keyed import FINITE, keyed
from viper.analysis.verdicts import NOT_MEASURED, VERDICTS, verdict
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
    lines.append(
        f"Intervals of {confidence:.0%}; with one seed they are over items only. *Supported*: the whole interval lies "
        "above zero; *not supported*: below; *equal*: within the margin, both ways; *inconclusive*: none of these. "
        "`reachable` in the table of claims says how small an effect each design can find."
    )
    return "\n".join(lines) + "\n"

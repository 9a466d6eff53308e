"""Attention on the decisive object, before and after training, against chance and against a question of the text alone.

Chance is the object's share of the tokens. What a question adds is the share where the picture decides minus that where
the text does: of the same picture and statement, so that a bright object's pull and a habit of the grid drop out.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Benchmark, Estimate, Measure, Scores, Spread, resample
from viper.analysis.keyed import COUNT, FINITE, SHARE, keyed
from viper.analysis.runs import distinct, of_run, seeds_of
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.evaluation.attention import LAST_LAYER, ROLLOUT
from viper.lineage import is_trained
from viper.questions import answers
from viper.questions.needle.measure import ASKED, TOLD
from viper.questions.needle.measure import COLUMNS as MEASURED
from viper.reading import read_table

AREA, ADDED, ABOVE = "area", "added", "above area"
METHODS = (LAST_LAYER, ROLLOUT)
COLUMNS = ["lineage", "method", "quantity", "value", "low", "high", "pictures", "seeds"]
KEYS = ["id", "method", "question", "statement", "area"]


def read_measured(path: str | Path) -> pd.DataFrame:
    """Read what `viper.questions.needle.measure` measured of one run: each picture, asked and told, read both ways.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=MEASURED, numbers=["share", "area"])
    values = {"method": METHODS, "question": (ASKED, TOLD)}
    return keyed(table, path, "id", "method", "question", numbers={"share": SHARE, "area": SHARE}, values=values)


def read_tidy(path: str | Path) -> pd.DataFrame:
    """Read a table of `tidy` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = {"value": FINITE, "low": FINITE, "high": FINITE, "pictures": COUNT, "seeds": COUNT}
    table = read_table(path, needed=COLUMNS, numbers=numbers)
    is_area = table["lineage"] == AREA
    for part, quantities in ((table[~is_area], (ASKED, TOLD, ADDED, ABOVE)), (table[is_area], (ASKED,))):
        values = {"method": METHODS, "quantity": quantities}
        keyed(part, path, "lineage", "method", "quantity", numbers=numbers, values=values)
    return table


def score(tables: Mapping[tuple[str, int], pd.DataFrame], lineages: Sequence[str], options: Analysis) -> Scores:
    """Percent of the attention by (lineage or AREA, "METHOD/QUESTION"); pictures are drawn whole, then seeds.

    Args:
        tables: (lineage, seed) → what was measured; of what is not trained, the first seed's.

    Raises:
        ViperError: lineages saw other pictures, or one was not measured or is named twice.
    """
    seeds = seeds_of(tables)
    ordered = {}
    for lineage in distinct(lineages):
        for seed in seeds:
            table = of_run(tables, lineage, seed)
            ordered[lineage, seed] = table.sort_values(["method", "question", "id"], ignore_index=True)
            if not ordered[lineage, seed][KEYS].equals(ordered[lineages[0], seeds[0]][KEYS]):
                raise ViperError(f"{lineage}, seed {seed}: saw other pictures than {lineages[0]}: measure all anew")
    benchmarks = []
    first = ordered[lineages[0], seeds[0]]
    for method in METHODS:
        for question in (ASKED, TOLD):
            chosen = (first["method"] == method) & (first["question"] == question)
            shares = [[ordered[lineage, seed].loc[chosen, "share"] for seed in seeds] for lineage in lineages]
            values = np.array([*shares, [first.loc[chosen, "area"]] * len(seeds)], dtype=float)[:, :, None, :]
            size = values.shape[-1]
            benchmarks.append(Benchmark(f"{method}/{question}", values, np.ones((1, size)), size))
    names = [*lineages, AREA]
    return resample(benchmarks, names, resamples=options.resamples, confidence=options.confidence, seed=options.seed)


def added(lineage: str, method: str) -> Measure:
    """What the question adds: attention on the object where the picture decides, minus where the text does."""
    return lambda s: s[lineage, f"{method}/{ASKED}"] - s[lineage, f"{method}/{TOLD}"]


def above_area(lineage: str, method: str) -> Measure:
    """Attention on the object where the picture decides, minus the object's share of the tokens."""
    return lambda s: s[lineage, f"{method}/{ASKED}"] - s[AREA, f"{method}/{ASKED}"]


def tidy(scores: Scores, lineages: Sequence[str]) -> pd.DataFrame:
    """One row a lineage, method and quantity, in percent of the attention on the picture."""
    rows = []
    for method in METHODS:
        for lineage in [*lineages, AREA]:
            quantities = {ASKED: itemgetter((lineage, f"{method}/{ASKED}"))}
            if lineage != AREA:
                quantities |= {
                    TOLD: itemgetter((lineage, f"{method}/{TOLD}")),
                    ADDED: added(lineage, method),
                    ABOVE: above_area(lineage, method),
                }
            for quantity, measure in quantities.items():
                items, seeds = scores.items[f"{method}/{ASKED}"], _spread(scores, measure, lineage).n_seeds
                rows.append([lineage, method, quantity, *scores.estimate(measure), items, seeds])
    return pd.DataFrame(rows, columns=COLUMNS)


def claims(scores: Scores, lineages: Sequence[str]) -> pd.DataFrame:
    """Claims of both ways of reading attention: is it on the object, for the question's sake, and more after training?

    Each interval leaves its share of the error alone beyond its ends (Bonferroni), so that all hold together. So far
    out, Student's t of two degrees of freedom would leave nothing to find: of one way of reading, the seeds of all
    trained lineages are taken to differ alike (`viper.questions.answers.pooled_half_widths`).
    """
    first, *others = lineages
    tail = scores.tail / (len(METHODS) * (2 + len(others)))
    rows = []
    for method in METHODS:
        for name, text, measure in _of_base(first, method):
            seeds = _spread(scores, measure, first).n_seeds
            rows.append(_claim(scores, method, name, text, scores.estimate(measure, (tail, tail)), seeds))
        gained = {lineage: _gained(lineage, first, method) for lineage in others}
        spreads = [_spread(scores, measure, first, lineage) for lineage, measure in gained.items()]
        halves = answers.pooled_half_widths(spreads, tail)
        for (lineage, measure), spread, half in zip(gained.items(), spreads, halves, strict=True):
            value = float(measure(scores.point))
            text = f"{lineage} attends to it for the question's sake more than {first}"
            estimate = Estimate(value, value - half, value + half)
            rows.append(_claim(scores, method, f"{lineage}:gain", text, estimate, spread.n_seeds))
    for row in rows:
        row["sentence"] = row["sentence"].replace("{together}", f"together for {len(rows)} claims")
    return answers.table(rows)


def _of_base(first: str, method: str) -> list[tuple[str, str, Measure]]:
    """Name, text and measure of what is claimed of the first lineage."""
    return [
        (f"{first}:above-area", f"{first} attends to the decisive object beyond its area", above_area(first, method)),
        (f"{first}:asked", f"{first} attends to it more where only the picture decides", added(first, method)),
    ]


def _spread(scores: Scores, measure: Measure, *lineages: str) -> Spread:
    """What makes a measure of these lineages uncertain; where none is trained, the repeated rows are of one seed."""
    spread = scores.spread(measure)
    return spread if any(map(is_trained, lineages)) else spread._replace(n_seeds=1, of_seeds=float("nan"))


def _claim(scores: Scores, method: str, name: str, text: str, estimate: Estimate, seeds: int) -> dict[str, object]:
    reachable = (estimate.high - estimate.low) / 2
    interval = f"{estimate.value:+.2f} points [{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return answers.answer(
        "needle",
        f"{method}:{name}".replace(" ", "-"),
        f"{text} ({method})",
        estimate,
        unit="points of attention",
        seeds=seeds,
        items=scores.items[f"{method}/{ASKED}"],
        reachable=reachable,
        sentence=f"{text}: {interval} of the attention on the picture ({method}), {{together}}: {{verdict}}; less than "
        f"{reachable:.2f} points would stay undecided.",
    )


def _gained(lineage: str, first: str, method: str) -> Measure:
    return lambda scores: added(lineage, method)(scores) - added(first, method)(scores)

"""Every generation with its intervals, and the claims about where the loop leads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Estimate, Scores
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, Number, keyed
from viper.analysis.keyed import PERCENT as OF_HUNDRED
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions.generations import Generations
from viper.lineage import is_trained
from viper.questions import answers
from viper.questions.generations.course import COURSES, course
from viper.questions.generations.measures import (
    ACCURACY,
    BITS,
    COUNTED,
    DISTINCT,
    ENTROPY,
    NUMBER,
    PERCENT,
    REFINEMENTS,
    REWARD,
    REWARD_FIRST,
    REWARD_LAST,
    STATEMENTS,
)
from viper.questions.generations.plan import BEFORE, CONTROL, FRESH, SAME, Turn
from viper.reading import read_table

QUESTION = "generations"
SUMMARY = ["arm", "generation", "lineage", "measure", "unit", "value", "low", "high", "seeds", "n"]
COURSE = "_course"  # ends the name of a claim whose verdict is how a loop's course is called
ON = {SAME: "on the same seed images", FRESH: "on fresh seed images"}
# What the data of the last generation are held to: name of the claim → measure and what it is in words.
OF_DATA = {
    "distinct": (DISTINCT["csr"], "distinct statements among the refinements"),
    "refinements": (REFINEMENTS, "refinements that are right"),
    "statements": (STATEMENTS, "statements of operations that are true"),
}


def summary(runs: pd.DataFrame, scores: Scores, confidence: float) -> pd.DataFrame:
    """One row per generation and measure with its interval over seeds, of accuracy over items and seeds; see SUMMARY.

    Args:
        runs: see `viper.questions.generations.measures.runs`.
        scores: of the lineages, on the benchmarks.
    """
    rows = []
    for (arm, generation, lineage, measure, unit), part in runs.groupby(SUMMARY[:5], sort=False):
        if measure == ACCURACY:
            found = scores.estimate(lambda each, lineage=lineage: each[lineage, OVERALL])
        else:
            found, _ = answers.over_seeds(part["value"], part["error"], confidence)
        known, n = dict(zip(SUMMARY[:5], (arm, generation, lineage, measure, unit), strict=True)), int(part["n"].min())
        seeds = len(part) if is_trained(lineage) else 1  # a base has the same with each
        rows.append(known | _possible(found, measure, unit, n)._asdict() | {"seeds": seeds, "n": n})
    return pd.DataFrame(rows, columns=SUMMARY)


def _possible(found: Estimate, measure: str, unit: str, n: int) -> Estimate:
    """The part of an interval that can be: no share above 100 % of all, no entropy above that of all different."""
    most = np.log2(n) if measure in ENTROPY.values() else np.inf
    limits = {PERCENT: (0.0, 100.0), BITS: (0.0, most), COUNTED: (0.0, np.inf)}
    low, high = limits.get(unit, (-np.inf, np.inf))
    return found._replace(low=float(max(found.low, low)), high=float(min(found.high, high)))


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(SUMMARY[5:], FINITE)
    numbers |= {"generation": Number(low=BEFORE, whole=True), "seeds": COUNT, "n": COUNT}
    table = read_table(path, needed=SUMMARY, numbers=numbers)
    key = ("arm", "generation", "measure")
    keyed(table, path, key, numbers=numbers, values={"unit": (PERCENT, BITS, REWARD, COUNTED)})
    keyed(table[table["unit"] == PERCENT], path, key, numbers=dict.fromkeys(("value", "low", "high"), OF_HUNDRED))
    is_trained = table["generation"] != BEFORE
    of_model = [ACCURACY, REWARD_FIRST, REWARD_LAST]
    of_data = dict.fromkeys([*DISTINCT.values(), *ENTROPY.values(), *NUMBER.values(), *table["measure"]])
    for rows, measures in (  # what each has; a control's later generations have no data of their own
        (True, of_model[:1]),
        (is_trained, of_model[1:]),
        (is_trained & (table["arm"] != CONTROL), [name for name in of_data if name not in of_model]),
    ):
        keyed(table[rows & table["measure"].isin(measures)], path, *key, values={"measure": measures})
    return table


def read_courses(path: str | Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Read the claims about the loops' courses from the `claims` that were written to a file.

    Args:
        rows: the table of `summary` of the same runs.

    Raises:
        ViperError: see `viper.questions.answers.gather` and `keyed`.
    """
    judged = answers.gather([path])
    courses = judged[judged["claim"].str.endswith(COURSE)]
    loops = [f"{arm}{COURSE}" for arm in ON if arm in set(rows["arm"])]
    return keyed(courses, path, "claim", values={"claim": loops, "verdict": COURSES.values()})


def claims(
    turns: Sequence[Turn], runs: pd.DataFrame, scores: Scores, section: Generations, options: Analysis
) -> pd.DataFrame:
    """The claims of this question, with their verdicts; see `viper.questions.answers`."""
    ends = {turn.arm: turn for turn in turns if turn.generation == max(each.generation for each in turns)}
    first = next(turn for turn in turns if turn.generation == 1)
    loops = [arm for arm in (SAME, FRESH) if arm in ends]
    judge = _OfAccuracy(scores, options, len(runs["seed"].unique()))
    rows = [judge.course(ends[arm], first, section.margin) for arm in loops]
    rows += [
        judge.better(f"{arm}_beats_control", ends[arm], ends[CONTROL], f"The loop {ON[arm]}", "its control")
        for arm in loops
    ]
    if FRESH in ends:
        rows.append(
            judge.better(
                "fresh_beats_same", ends[FRESH], ends[SAME], "The loop on fresh seed images", "that on the same"
            )
        )
    for arm in loops:
        rows += [
            _of_data(runs, ends[arm], name, section.data_margin, options.confidence)
            for name, (measure, _) in OF_DATA.items()
            if measure in set(runs["measure"])
        ]
    return answers.table(rows)


class _OfAccuracy:
    """Claims about points of accuracy, the mean over the benchmarks."""

    def __init__(self, scores: Scores, options: Analysis, seeds: int):
        self.scores, self.options, self.seeds = scores, options, seeds

    def course(self, end: Turn, first: Turn, margin: float) -> dict[str, object]:
        """Where the generations after the first lead."""
        found = self._gain(end, first)
        called = course(found.low, found.high, margin)
        row = self._row(
            f"{end.arm}{COURSE}",
            f"Accuracy after generation {end.generation} is above that after the first, {ON[end.arm]}",
            end,
            first,
            f"From the first generation to generation {end.generation} {ON[end.arm]}, accuracy went by "
            f"{_told(found, 'points')} from {self._score(first):.1f} %: {called}.",
        )
        return row | {"margin": margin, "verdict": called}

    def better(self, claim: str, end: Turn, other: Turn, subject: str, against: str) -> dict[str, object]:
        """Whether one arm ends above another."""
        found = self._gain(end, other)
        sentence = (
            f"{subject} ends generation {end.generation} {_told(found, 'points')} from {against} after as many steps: "
            "{verdict}."
        )
        return self._row(claim, f"{subject} ends above {against}", end, other, sentence)

    def _gain(self, end: Turn, other: Turn) -> Estimate:
        return self.scores.estimate(gain(end.lineage, other.lineage))

    def _score(self, turn: Turn) -> float:
        return float(self.scores.point[turn.lineage, OVERALL])

    def _row(self, claim: str, text: str, end: Turn, other: Turn, sentence: str) -> dict[str, object]:
        spread = self.scores.spread(gain(end.lineage, other.lineage))
        assumed = spread._replace(of_seeds=float(np.fmax(self.options.seed_spread, spread.of_seeds)))
        return answers.answer(
            QUESTION,
            claim,
            text,
            self._gain(end, other),
            unit="points",
            seeds=self.seeds,
            items=self.scores.items[OVERALL],
            reachable=assumed.half_width(self.scores.tail),
            sentence=sentence,
        )


def _of_data(runs: pd.DataFrame, end: Turn, name: str, margin: float, confidence: float) -> dict[str, object]:
    """Whether the data of the last generation are no poorer than those of the first."""
    measure, words = OF_DATA[name]
    part = runs[(runs["arm"] == end.arm) & (runs["measure"] == measure)].set_index(["generation", "seed"])
    last, first = part.loc[end.generation], part.loc[1]
    before, after = (f"{each['value'].mean():.1f} % in" for each in (first, last))
    found, spread = answers.over_seeds(
        last["value"] - first["value"], np.hypot(last["error"], first["error"]), confidence
    )
    return answers.answer(
        QUESTION,
        f"{end.arm}_keeps_{name}",
        f"The data of generation {end.generation} have at least as large a share of {words} as the first's, "
        f"{ON[end.arm]}",
        found,
        unit="points",
        seeds=len(last),
        items=int(last["n"].sum()),
        reachable=spread.half_width((1 - confidence) / 2),
        sentence=f"The share of {words} goes from {before} the data of the first generation to {after} those of "
        f"generation {end.generation} {ON[end.arm]}, {_told(found, 'points')}; that it is kept within {margin:g} "
        "points is {verdict}.",
        kind="as good",
        margin=margin,
    )


def _told(found: Estimate, unit: str) -> str:
    return f"{found.value:+.1f} {unit} [{found.low:+.1f}, {found.high:+.1f}]"

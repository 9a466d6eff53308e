"""One row per stage of each family and benchmark: its score, its gain, and how far that is from the other's."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import pandas as pd

from viper.analysis.bootstrap import Measure, Scores
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, NATURAL, PERCENT, keyed
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions.families import Course
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.lineage import is_trained
from viper.questions import answers
from viper.questions.judging import judged
from viper.reading import read_table

COLUMNS = ["family", "lineage", "stage", "column", "score", "low", "high", "gain", "gain_low", "gain_high"]
COLUMNS += ["difference", "difference_low", "difference_high", "seeds", "items"]


def difference_of_gains(own: Course, other: Course, stage: int, column: str = OVERALL) -> Measure:
    """What `other` gained until a stage minus what `own` did, in points."""
    gained = [gain(course.stages[stage], course.stages[0], column) for course in (other, own)]
    return lambda scores: gained[0](scores) - gained[1](scores)


def summary(scores: Scores, families: Sequence[Course], n_seeds: int) -> pd.DataFrame:
    """The columns are COLUMNS, in percent and points; `stage` is 0 for a base, `difference` that of the gains."""
    own, other = families
    rows = []
    for course in families:
        for stage, lineage in enumerate(course.stages):
            for column, items in scores.items.items():
                row = {"family": course.name, "lineage": lineage, "stage": stage, "column": column, "items": items}
                row |= {"seeds": n_seeds if is_trained(lineage) else 1}
                measures: dict[str, Measure] = {"score": itemgetter((lineage, column))}
                if stage:
                    measures["gain"] = gain(lineage, course.stages[0], column)
                if stage and course is other:
                    measures["difference"] = difference_of_gains(own, other, stage, column)
                for name, measure in measures.items():
                    estimate = scores.estimate(measure)
                    first = "" if name == "score" else f"{name}_"
                    row |= {name: estimate.value, f"{first}low": estimate.low, f"{first}high": estimate.high}
                rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file with `viper.analysis.benchmark_names.own_names`.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`; or it has another number of families than two.
    """
    numbers = dict.fromkeys(COLUMNS[4:], FINITE) | {"stage": NATURAL}
    numbers |= {"score": PERCENT, "seeds": COUNT, "items": COUNT}
    table = read_table(path, needed=[*COLUMNS, "imitates"], numbers=numbers)
    is_base = table["stage"] == 0
    blank = dict.fromkeys(COLUMNS[7:10], is_base)
    blank |= dict.fromkeys(COLUMNS[10:13], is_base | (table["family"] == table["family"].get(0)))
    keyed(table, path, "family", "stage", "column", numbers=numbers, blank=blank)
    stages = range(max(table["stage"].nunique(), 2))  # the base, and what is trained on it
    keyed(table[table["column"] == OVERALL], path, "family", "stage", values={"stage": stages})
    if (count := table["family"].nunique()) != 2:
        raise ViperError(f"{path}: tells of {count} families, where two are compared. {REMEDY}")
    return table.astype({"stage": int})


def claims(scores: Scores, families: Sequence[Course], settings: Analysis) -> pd.DataFrame:
    """Each family gains, and the second at least as much as the first, to within the margin."""
    own, other = families
    rows = [
        judged(
            "families",
            claim,
            f"After all stages {course.name} beats its base",
            gain(course.stages[-1], course.stages[0]),
            scores,
            settings,
            sentence=f"After {_phases(course)}, {course.name} stands {{measured}} above its base: {{verdict}}.",
        )
        for claim, course in (("other_gains", other), ("own_gains", own))
    ]
    rows.append(
        judged(
            "families",
            "difference_of_gains",
            f"{other.name} gains at least as much as {own.name}, to within the margin",
            difference_of_gains(own, other, -1),
            scores,
            settings,
            kind="as good",
            sentence=f"The gain of {other.name} less that of {own.name}, each over its own base, is {{measured}}; that "
            f"it is not smaller by more than {settings.margin:g} is {{verdict}}.",
        )
    )
    return answers.table(rows)


def _phases(course: Course) -> str:
    return " and ".join(phase.upper() for phase in course.stages[-1].split(".")[1:])

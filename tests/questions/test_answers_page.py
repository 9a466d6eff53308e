"""The page of answers says what each verdict means, as the rule applies it."""

import re

import pandas as pd
import pytest

from viper.analysis.bootstrap import Estimate
from viper.analysis.verdicts import EQUAL, INCONCLUSIVE, NOT_MEASURED, NOT_SUPPORTED, SUPPORTED, VERDICTS
from viper.questions import answers
from viper.questions.generations.course import COURSES


def claim(low, high, kind="better", margin=0.0):
    return answers.answer(
        "q", "c", "text", Estimate((low + high) / 2, low, high), unit="points", seeds=3, items=9, reachable=1.0,
        sentence="So it is: {verdict}.", kind=kind, margin=margin,
    )  # fmt: skip


def test_every_verdict_is_explained_once_and_beside_its_course():
    legend = answers.page(answers.table([claim(1.0, 2.0)]), 0.95).partition("## Verdicts")[2]
    rows = re.findall(r"^\| \*(.+?)\* \| (?:\*(.+?)\*|–) \| .+ \|$", legend, re.MULTILINE)
    assert [name for name, _ in rows] == [SUPPORTED, NOT_SUPPORTED, EQUAL, INCONCLUSIVE, NOT_MEASURED]
    assert {name for name, _ in rows} == set(VERDICTS)
    assert {name: course for name, course in rows if course} == COURSES
    assert "95%" in legend


@pytest.mark.parametrize(
    ("low", "high", "kind", "margin", "expected"),
    [
        (0.0, 0.0, "better", 0.0, NOT_SUPPORTED),
        (0.0, 0.0, "better or equal", 1.0, EQUAL),
        (0.0, 3.0, "better", 0.0, INCONCLUSIVE),
        (-0.5, 0.5, "as good", 1.0, SUPPORTED),
        (-1.0, -1.0, "as good", 1.0, NOT_SUPPORTED),
        (float("nan"), float("nan"), "better", 0.0, NOT_MEASURED),
    ],
)
def test_the_legend_is_what_the_rule_does(low, high, kind, margin, expected):
    row = claim(low, high, kind, margin)
    assert row["verdict"] == expected
    assert f"**{expected}**" in answers.page(pd.DataFrame([row]), 0.95)

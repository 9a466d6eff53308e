"""Every row once, and numbers that are numbers: of any table, and of every one that is drawn or computed with."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damage import FAULTS, damaged
from repository import ROOT
from viper.analysis import attention_table, rewards, tables
from viper.analysis.keyed import COUNT, FINITE, HIT, PERCENT, SHARE, keyed
from viper.errors import ViperError
from viper.questions import answers
from viper.questions.commands import open_questions
from viper.questions.needle import table as needle
from viper.questions.skills import table as skills
from viper.questions.skills.probe import COLUMNS as PROBED

RECORDED = ROOT / "results/recorded/micro"
NAMES = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=4, unique=True)


@given(NAMES, NAMES, st.randoms(use_true_random=False), st.sampled_from(FAULTS), st.data())
def test_a_table_in_any_order_passes_and_none_with_a_fault_does(first, second, random, fault, data):
    rows = [(*key, 0.5) for key in itertools.product(first, second)]
    random.shuffle(rows)
    table = pd.DataFrame(rows, columns=["a", "b", "share"])
    expected = {"a": first, "b": second}
    assert keyed(table, "t.csv", "a", "b", numbers={"share": SHARE}, values=expected) is table
    wrong = damaged(table, fault, data.draw(st.integers(0, len(rows) - 1)), "share")
    with pytest.raises(ViperError, match=r"^t\.csv: .*\. Remove it and run"):
        keyed(wrong, "t.csv", "a", "b", numbers={"share": SHARE}, values=expected)


@pytest.mark.parametrize(
    ("number", "right", "wrong"),
    [
        (FINITE, [-7.5, 0, 1e9], [np.nan, np.inf]),
        (SHARE, [0, 0.5, 1 + 1e-8], [7, -0.1, np.inf]),
        (PERCENT, [0, 99.9, 100], [700, -1]),
        (HIT, [0, 1], [0.5, 7, np.nan]),
        (COUNT, [1, 12], [0, 2.7, np.inf]),
    ],
)
def test_a_number_is_what_it_may_be(number, right, wrong):
    for value in right:
        keyed(pd.DataFrame({"a": ["x"], "n": [float(value)]}), "t.csv", "a", numbers={"n": number})
    for value in wrong:
        with pytest.raises(ViperError, match=rf"^t\.csv: the row a x: n is .*, no {number}\. "):
            keyed(pd.DataFrame({"a": ["x"], "n": [float(value)]}), "t.csv", "a", numbers={"n": number})
    with pytest.raises(ViperError, match=r"^t\.csv: column n holds what is no"):
        keyed(pd.DataFrame({"a": ["x"], "n": ["1"]}), "t.csv", "a", numbers={"n": number})


def test_a_message_names_the_row():
    table = pd.DataFrame({"a": ["x", "x", "y"], "b": [1, 2, 1], "n": [1.0, np.nan, 2.0]})
    with pytest.raises(ViperError, match=r"^t\.csv: lacks the row a y, b 2\. "):
        keyed(table, "t.csv", "a", "b")
    with pytest.raises(ViperError, match=r"^t\.csv: lacks the row a z, b any, n any\. "):
        keyed(table.fillna(0), "t.csv", ("a", "b", "n"), values={"a": ["x", "y", "z"]})
    with pytest.raises(ViperError, match=r"^t\.csv: the row a y, b 1: a is none of x\. "):
        keyed(table, "t.csv", ("a", "b"), values={"a": ["x"]})
    with pytest.raises(ViperError, match=r"^t\.csv: the row a x, b 1: is there twice\. "):
        keyed(pd.concat([table, table.iloc[:1]]), "t.csv", ("a", "b"))
    with pytest.raises(ViperError, match=r"^t\.csv: the row a x, b 2: n is nan, no finite number\. "):
        keyed(table, "t.csv", ("a", "b"), numbers={"n": FINITE})
    assert keyed(table, "t.csv", ("a", "b"), numbers={"n": FINITE}, blank={"n": table["b"] == 2}) is table
    for cell in (None, ["x"]):
        with pytest.raises(ViperError, match=r"^t\.csv: column a has cells that are neither text nor numbers"):
            keyed(pd.DataFrame({"a": pd.Series(["x", cell], dtype=object)}), "t.csv", "a")


def changes_of_skills():
    rows = [
        [*key, "base", 1.0, 0.0, 2.0, 60.0, 5.0, 58.0, 12.0, 4, 20, 3]
        for key in itertools.product(("color", "size"), ("base.csr", "base.vop"))
    ]
    return pd.DataFrame(rows, columns=skills.CHANGES)


def curves_of_skills():
    keys = itertools.product(("color", "size"), ("base", "base.csr", "base.vop"), (0.6, 0.8, 1.0))
    rows = [[*key, 60.0, 50.0, 70.0, 55.0, 20.0, 25.0, 60.0, 0.7, 0.05, 90.0, 0.7, 0.05, 20, 3] for key in keys]
    return pd.DataFrame(rows, columns=skills.CURVES)


def probed():
    keys = itertools.product(("color", "size"), range(3), (0.6, 1.0))
    return pd.DataFrame([[*key, "A", 1, 1] for key in keys], columns=PROBED)


def needles():
    keys = itertools.product(("0", "1"), needle.METHODS, (needle.ASKED, needle.TOLD))
    return pd.DataFrame([[*key, 0.5, 0.1, "a"] for key in keys], columns=needle.MEASURED)


def recorded(name):
    return lambda: pd.read_csv(RECORDED / name, dtype={"published_3B": float, "published_7B": float})


def shown_curves():
    return rewards.read_curves(RECORDED / "ablation_cold_start/ablation_cold_start_rewards.csv")


# Table → what makes one, what reads it, and the columns whose numbers it must have.
READERS = {
    "scores": (recorded("main/main.csv"), tables.read_tidy, ["score", "low", "high", "seeds"]),
    "subdomains": (recorded("main/subdomains.csv"), tables.read_tidy, ["score", "low", "high", "seeds"]),
    "curves": (
        recorded("ablation_cold_start/ablation_cold_start_rewards.csv"),
        rewards.read_curves,
        ["smoothed", "low"],
    ),
    "crossings": (
        recorded("ablation_cold_start/ablation_cold_start_crossings.csv"),
        lambda path: rewards.read_crossings(path, shown_curves()),
        ["final", "final_compared_with"],
    ),
    "attention": (recorded("figure_attention/attention.csv"), attention_table.read_tidy, ["share", "low", "pairs"]),
    "needle": (recorded("needle/needle_attention.csv"), needle.read_tidy, ["value", "low", "high", "pictures"]),
    "claims": (recorded("needle/needle_claims.csv"), lambda path: answers.gather([path]), ["measured", "low", "high"]),
    "needles": (needles, needle.read_measured, ["share", "area"]),
    "probed": (probed, lambda path: skills.read_measured(path, ["color", "size"], [0.6, 1.0]), ["hit", "named"]),
    "changes": (changes_of_skills, skills.read_changes, ["change", "low", "high", "compared_unnamed", "seeds"]),
    "curves of skills": (
        curves_of_skills,
        lambda path: skills.read_curves(path, changes_of_skills()),
        ["accuracy", "low", "right", "unnamed", "fitted_width", "fitted_threshold"],
    ),
}
# Whose rows nothing else says the number of: one that is cut off could as well never have been.
_UNCOUNTED = ("curves", "crossings", "claims")


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_table_passes_as_it_was_made_and_not_with_a_fault(name, data, tmp_path):
    make, read, columns = READERS[name]
    table, path = make(), tmp_path / "t.csv"
    table.to_csv(path, index=False)
    assert len(read(path)) == len(table)
    known = [fault for fault in FAULTS if fault != "cut" or name not in _UNCOUNTED]
    place = data.draw(st.integers(0, len(table) - 1)), data.draw(st.sampled_from(columns))
    damaged(table, data.draw(st.sampled_from(known)), *place).to_csv(path, index=False)
    with pytest.raises(ViperError, match=r"t\.csv: .*\. (Remove it|Steps are)"):
        read(path)


def test_a_contrast_or_skill_that_nobody_asked_for_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    for changed in (
        probed().assign(contrast=lambda rows: rows["contrast"].replace(0.6, 0.95)),
        probed().assign(contrast=np.nan),
        probed().assign(skill=lambda rows: rows["skill"].replace("size", "taste")),
        probed()[lambda rows: rows["contrast"] == 1],
        probed()[lambda rows: rows["skill"] == "color"],
        probed()[lambda rows: (rows["contrast"] == 1) | (rows["item"] > 0)],
        probed().assign(hit=7),
    ):
        changed.to_csv(path, index=False)
        with pytest.raises(ViperError, match=r"t\.csv: "):
            skills.read_measured(path, ["color", "size"], [0.6, 1.0])


def test_a_claim_that_is_there_twice_or_has_a_verdict_of_its_own_is_refused(tmp_path):
    rows, path = recorded("needle/needle_claims.csv")(), tmp_path / "t.csv"
    rows.to_csv(path, index=False)
    with pytest.raises(ViperError, match=r"t\.csv and .*t\.csv: both answer needle last-layer:base:above-area"):
        answers.gather([path, path])
    rows.assign(verdict="proven").to_csv(path, index=False)
    with pytest.raises(ViperError, match="verdict is none of supported, equal, not supported, inconclusive"):
        answers.gather([path])
    rows.assign(verdict="not measured", measured=np.nan, low=np.nan, high=np.nan).to_csv(path, index=False)
    assert answers.gather([path])["measured"].isna().all()


def test_what_is_written_in_a_claim_stays_in_its_cell_and_line():
    rows = recorded("needle/needle_claims.csv")().iloc[:1].assign(text="a | b\nc", sentence="d\n# e")
    page = answers.page(rows, 0.95)
    assert "| a \\| b c |" in page
    assert "- d # e\n" in page


def test_one_file_is_not_given_for_table_and_page(tmp_path):
    path = tmp_path / "claims"
    with pytest.raises(ViperError, match="claims: given as --output and as --page"):
        open_questions([], tmp_path / "options.json", output=path, page=path)
    assert not path.exists()

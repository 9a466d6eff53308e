"""The share of true labels beside the gain, from small tables of known answers; verdicts on simulated lineages."""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from microworld import audit as microworld_audit
from viper.analysis.bootstrap import accuracy, resample
from viper.analysis.figures import style
from viper.analysis.verdicts import NOT_SUPPORTED, SUPPORTED
from viper.config import load
from viper.errors import ViperError
from viper.lineage import variant_of
from viper.questions.ablation_labels import figure, table
from viper.questions.ablation_labels.table import MEASURES

SEEDS = (0, 1, 2)
LINEAGES = ["base+look", "base.csr+look", "base.vop+look", "base~truth.vop+look"]
GAINS = [0.0, 1.0, 2.0, 5.0]


@lru_cache
def scale():
    return load("micro")


def question():
    return scale().open_questions.ablation_labels


def simulate(lineages, gains, *, items=400, spread=0.5, seed=0):
    """Scores of lineages that gain so many points over the first, give or take `spread` a seed."""
    rng = np.random.default_rng(seed)
    bar = rng.random(items)
    hits = np.zeros((len(lineages), len(SEEDS), items))
    for place, gained in enumerate(gains):
        for number in range(len(SEEDS)):
            hits[place, number] = bar < 0.5 + (gained + spread * rng.normal() * (place > 0)) / 100
    return resample([accuracy("MMStar", hits)], lineages, resamples=200, confidence=0.95, seed=0)


@pytest.fixture
def audit():
    """Two seeds: of VOP labels 30 of 40 and 10 of 60 are true, of CSR labels 9 of 10 twice."""
    vop, csr = MEASURES["vop"], MEASURES["csr"]
    rows = [(0, *vop, 0.75, 40), (1, *vop, 0.1667, 60), (0, *csr, 0.9, 10), (1, *csr, 0.9, 10), (0, "edits", "x", 1, 9)]
    found = pd.DataFrame(rows, columns=["seed", "step", "measure", "share", "n"])
    other = found.assign(lineage="base~truth", share=0.0)  # of the loop's own labels, which truth replaces
    return pd.concat([found.assign(lineage="base"), other])


def summary(audit, **known):
    scores = simulate(LINEAGES, GAINS, spread=0)
    return table.summary(audit, scores, LINEAGES, SEEDS, **known).set_index("lineage")


def test_labels_of_all_seeds_count_together(audit):
    rows = summary(audit, by_truth=["base~truth.vop+look"])
    assert list(rows.index) == LINEAGES[1:]
    own = rows.loc["base.vop+look"]
    expected = binomtest(40, 100).proportion_ci(0.95, method="wilson")
    assert (own["labels"], own["share"]) == (100, 0.4)
    assert (own["share_low"], own["share_high"]) == pytest.approx((expected.low, expected.high))
    assert rows.loc["base.csr+look", "share"] == 0.9


def test_gains_are_those_over_the_first(audit):
    rows = summary(audit, by_truth=["base~truth.vop+look"])
    assert rows["gain"].tolist() == pytest.approx(GAINS[1:], abs=1.5)
    assert (rows["gain"] + simulate(LINEAGES, GAINS, spread=0).point["base+look", "overall"]).tolist() == pytest.approx(
        rows["score"].tolist()
    )
    assert ((rows["gain_low"] <= rows["gain"]) & (rows["gain"] <= rows["gain_high"])).all()


def test_labels_by_the_truth_are_true_by_construction(audit):
    by_truth = summary(audit, by_truth=["base~truth.vop+look"]).loc["base~truth.vop+look"]
    assert by_truth["share"] == 1
    assert by_truth[["labels", "share_low", "share_high"]].isna().all()


def test_shuffled_labels_are_true_by_chance_alone(audit):
    rows = summary(audit, shuffled=["base~truth.vop+look"])
    shuffled = rows.loc["base~truth.vop+look"]
    assert shuffled["share"] == 0
    assert shuffled[["labels", "share_low", "share_high"]].isna().all()
    assert rows.loc["base.vop+look", "share"] == 0.4


def test_an_audit_without_the_lineage_is_refused(audit):
    with pytest.raises(ViperError, match="no row of base, edits: statement is true: make audit_labels again"):
        summary(audit[audit["step"] != "edits"])


def test_measures_are_those_of_the_audit():
    assert MEASURES["csr"] == ("refinements", microworld_audit.CAPTION)


@pytest.mark.parametrize(("sign", "verdict"), [(1, SUPPORTED), (-1, NOT_SUPPORTED)])
def test_clear_differences_are_found_either_way(sign, verdict):
    lineages = question().lineages
    better = {pair.better for pair in question().contests.values()}
    scores = simulate(lineages, [15 * sign * (name in better) for name in lineages])
    claims = table.claims(scores, question(), scale().analysis)
    assert set(claims["claim"]) == set(table.CLAIMS)
    assert set(claims["verdict"]) == {verdict}
    assert "{" not in "".join(claims["sentence"])


@pytest.mark.parametrize("contest", ["truth", "refinements_of_others", "operations_of_others"])
def test_contests_that_speak_of_the_same_pairs_differ_in_nothing_but_labels(contest):
    """`truth` was once held to pairs of other operations, `brief28`, and its claim spoke of its own ones."""
    pair = question().contests[contest]
    better, worse = (scale().under(variant_of(lineage)) for lineage in (pair.better, pair.worse))
    assert better.synthesis.labels != worse.synthesis.labels
    assert better.synthesis.model_copy(update={"labels": worse.synthesis.labels}) == worse.synthesis
    assert (better.training, better.models) == (worse.training, worse.models)


def test_each_lineage_is_a_point(audit):
    rows = summary(audit, by_truth=["base~truth.vop+look"]).reset_index()
    style.use_style()
    drawn = figure.draw(rows)
    points = {axes.get_title(): axes.containers[0].lines[0].get_xydata() for axes in drawn.axes}
    gains = rows["gain"].tolist()
    assert points["CSR"] == pytest.approx(np.array([[90, gains[0]]]))
    assert points["VOP"] == pytest.approx(np.array([[40, gains[1]], [100, gains[2]]]))
    names = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert sorted(names) == sorted(variant_of(lineage) or lineage for lineage in LINEAGES[1:])
    assert "over the base that is asked alike" in figure.caption(rows, 0.95)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contests.truth.worse": "base.mix"}, "'base.mix' is not among the lineages after the first"),
        ({"contests.truth.worse": "base~truth.vop+look"}, "held to itself"),
        ({"lineages": ["base+look", "base.csr.vop+look"], "contests": None}, "Field required|at least 1|contests"),
        ({"lineages": ["base.csr+look", "base.vop+look"]}, "name the base first"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(changes, message):
    overrides = {f"open_questions.ablation_labels.{key}": value for key, value in changes.items()}
    with pytest.raises(ViperError, match=message):
        load("micro", overrides=overrides)

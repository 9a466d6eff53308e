"""Scores with known answers, and intervals on simulated data whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from viper.analysis.bootstrap import accuracy, hallusion, resample
from viper.errors import ViperError

FAST = {"resamples": 400, "confidence": 0.95, "seed": 0}


def difference(scores, column="B"):
    return scores.estimate(lambda values: values["base.csr", column] - values["base", column])[1:]


def answers(rng, rates, n_items, n_seeds=1):
    """Hits (lineages, seeds, items): an item's own difficulty decides most, the lineage's rate the rest."""
    luck = rng.uniform(size=(1, 1, n_items))
    return (luck < np.reshape(rates, (-1, 1, 1)) + np.zeros((1, n_seeds, 1))).astype(float)


def test_points_are_plain_means():
    hits = np.array([[[1, 1, 0, 0]], [[1, 1, 1, 0]]], dtype=float)
    other = np.array([[[0, 1]], [[1, 1]]], dtype=float)
    scores = resample([accuracy("B", hits), accuracy("C", other)], ["base", "base.csr"], **FAST)
    assert scores.point["base", "B"] == 50
    assert scores.point["base.csr", "B"] == 75
    assert scores.point["base.csr", "overall"] == pytest.approx((75 + 100) / 2)
    assert scores.draws["base", "overall"].shape == (400,)


def test_hallusion_is_scored_over_answers_figures_and_questions():
    # Set 0 has 2 figures × 2 questions, set 1 has one of each; ocr's set 0 is another set than chart's.
    index = [
        "VD_chart_0_0_0_0",
        "VD_chart_0_0_0_1",
        "VD_chart_0_0_1_0",
        "VD_chart_0_0_1_1",
        "VD_chart_0_1_0_0",
        "VD_ocr_0_0_0_0",
    ]
    items = pd.DataFrame({"index": index, "l2-category": ["chart"] * 5 + ["ocr"]})
    hits = np.array([1, 1, 1, 0, 0, 1], dtype=float).reshape(1, 1, 6)
    a_acc, f_acc, q_acc = 4 / 6, 2 / 4, 2 / 4
    scores = resample([hallusion("H", items, hits)], ["base"], **FAST)
    assert scores.point["base", "H"] == pytest.approx(100 * (a_acc + f_acc + q_acc) / 3)


def test_hallusion_with_one_question_per_set_is_accuracy_with_the_same_interval():
    rng = np.random.default_rng(0)
    hits = answers(rng, [0.4, 0.6], 60)
    items = pd.DataFrame({"index": [f"VD_x_0_{i:03d}_0_0" for i in range(60)]})
    as_sets = resample([hallusion("B", items, hits)], ["base", "base.csr"], **FAST)
    as_items = resample([accuracy("B", hits)], ["base", "base.csr"], **FAST)
    assert difference(as_sets) == pytest.approx(difference(as_items))


def test_hallusion_refuses_other_indices():
    with pytest.raises(ViperError, match="must end in"):
        hallusion("H", pd.DataFrame({"index": ["a-1", "a-2"]}), np.ones((1, 1, 2)))


def test_pairing_removes_what_the_lineages_share():
    hits = answers(np.random.default_rng(1), [0.50, 0.56], 300)
    scores = resample([accuracy("B", hits)], ["base", "base.csr"], **FAST)
    low, high = difference(scores)
    _, own_low, own_high = scores.estimate(lambda values: values["base", "B"])
    assert high - low < 0.6 * (own_high - own_low)
    assert low > 0


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        hits = (rng.uniform(size=(2, 1, 150)) < np.array([0.5, 0.6]).reshape(2, 1, 1)).astype(float)
        low, high = difference(resample([accuracy("B", hits)], ["base", "base.csr"], **FAST))
        covered += low <= 10 <= high
    assert 180 <= covered <= 198  # 190 expected, standard deviation 3


def test_disagreeing_seeds_widen_the_interval():
    rng = np.random.default_rng(3)
    agreeing = answers(rng, [0.5, 0.6], 200, n_seeds=3)
    disagreeing = agreeing.copy()
    disagreeing[1, 0], disagreeing[1, 2] = 0.0, 1.0
    widths = []
    for hits in (agreeing, disagreeing):
        low, high = difference(resample([accuracy("B", hits)], ["base", "base.csr"], **FAST))
        widths.append(high - low)
    assert widths[1] > 3 * widths[0]


def test_identical_seeds_change_nothing():
    hits = answers(np.random.default_rng(4), [0.5, 0.6], 400)
    settings = FAST | {"resamples": 4000}
    one = resample([accuracy("B", hits)], ["base", "base.csr"], **settings)
    three = resample([accuracy("B", np.repeat(hits, 3, axis=1))], ["base", "base.csr"], **settings)
    assert one.point["base.csr", "B"] == pytest.approx(three.point["base.csr", "B"])
    # A percentile interval with one seed, a normal one with three: the same but for the shape of the distribution.
    assert difference(three) == pytest.approx(difference(one), abs=0.4)


def test_where_seeds_decide_alone_the_interval_is_student_s():
    # Every item is right or wrong with the seed: all uncertainty is that of three numbers.
    rates = np.array([0.2, 0.5, 0.9])
    trained = (np.arange(1000) < 1000 * rates[:, None]).astype(float)
    hits = np.stack([np.zeros_like(trained), trained])
    scores = resample([accuracy("B", hits)], ["base", "base.csr"], **FAST)
    expected = stats.t.interval(0.95, 2, loc=100 * rates.mean(), scale=100 * stats.sem(rates))
    assert difference(scores) == pytest.approx(expected, rel=0.05)


def test_the_base_adds_no_variance_of_seeds():
    """Its row repeats for every seed, so its own interval is that of its items, as with one seed."""
    hits = answers(np.random.default_rng(6), [0.5, 0.6], 300, n_seeds=3)
    hits[1] = np.random.default_rng(7).permuted(hits[1], axis=1)
    alone = resample([accuracy("B", hits[:1, :1])], ["base"], **FAST).estimate(lambda values: values["base", "B"])
    beside = resample([accuracy("B", hits)], ["base", "base.csr"], **FAST).estimate(lambda values: values["base", "B"])
    assert beside.high - beside.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_the_same_seed_gives_the_same_draws():
    hits = answers(np.random.default_rng(5), [0.5, 0.6], 50)
    first, second = (resample([accuracy("B", hits)], ["base", "base.csr"], **FAST) for _ in range(2))
    np.testing.assert_array_equal(first.draws["base", "B"], second.draws["base", "B"])


def test_a_single_item_has_no_interval():
    with pytest.raises(ViperError, match="at least two items"):
        resample([accuracy("B", np.ones((1, 1, 1)))], ["base"], **FAST)

"""The rule of the verdict, on intervals and on simulated experiments whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from method import method
from viper.analysis.bootstrap import Estimate, Spread, accuracy, resample
from viper.analysis.claims import CLAIMS
from viper.analysis.claims_page import page
from viper.analysis.published import BENCHMARKS, published
from viper.analysis.verdicts import (
    EQUAL,
    INCONCLUSIVE,
    NOT_MEASURED,
    NOT_SUPPORTED,
    SUPPORTED,
    judge,
    judge_all,
    kth_largest,
    published_effect,
    tails_of_parts,
    verdict,
)
from viper.config.analysis import Analysis

BY_NAME = {claim.name: claim for claim in CLAIMS}
OPTIONS = Analysis(**method("analysis", resamples=200))
FAST = {"resamples": 300, "confidence": 0.95, "seed": 0}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 2.0, SUPPORTED),
        (-0.1, 2.0, INCONCLUSIVE),
        (0.0, 2.0, INCONCLUSIVE),
        (-2.0, -0.1, NOT_SUPPORTED),
        (-2.0, 0.0, INCONCLUSIVE),
        (0.0, 0.0, NOT_SUPPORTED),
    ],
)
def test_verdict(low, high, expected):
    assert verdict(low, high) == expected


@pytest.mark.parametrize("kind", ["better", "as good", "better or equal"])
@pytest.mark.parametrize("ends", [(np.nan, np.nan), (np.nan, 1.0), (1.0, np.nan), (1.0, np.inf), (-np.inf, -1.0)])
def test_an_interval_without_ends_is_not_measured(ends, kind):
    assert verdict(*ends, 1.0, kind) == NOT_MEASURED


def simulate(rng, gain):
    """One experiment in which the two-stage model is right more often than its base by `gain`."""
    hits = (rng.uniform(size=(2, 1, 200)) < np.array([0.5, 0.5 + gain]).reshape(2, 1, 1)).astype(float)
    scores = resample([accuracy("B", hits)], ["base", "base.csr.vop"], **FAST)
    return judge(BY_NAME["two_stage_beats_base"], scores, published(), OPTIONS)["verdict"]


def test_a_large_gain_is_supported_and_a_large_loss_is_not():
    rng = np.random.default_rng(0)
    assert {simulate(rng, 0.3) for _ in range(20)} == {SUPPORTED}
    assert {simulate(rng, -0.3) for _ in range(20)} == {NOT_SUPPORTED}


def test_no_gain_is_seldom_taken_for_one():
    rng = np.random.default_rng(1)
    verdicts = [simulate(rng, 0.0) for _ in range(200)]
    assert verdicts.count(SUPPORTED) <= 12  # 2.5 % expected: 5, standard deviation 2.2
    assert verdicts.count(INCONCLUSIVE) >= 176


def simulate_seeds(rng, gain, *, spread, n_items=150, n_seeds=3):
    """The same with several seeds: one base, and as many trained models whose ability varies by `spread`.

    Items differ in difficulty; ability and luck are in its standard deviations.
    """
    difficulty = rng.normal(size=(1, n_items))
    ability = gain + spread * rng.normal(size=(n_seeds, 1))
    base = np.repeat(difficulty < rng.normal(scale=0.5, size=(1, n_items)), n_seeds, axis=0)
    trained = difficulty < ability + rng.normal(scale=0.5, size=(n_seeds, n_items))
    hits = np.stack([base, trained]).astype(float)
    scores = resample([accuracy("B", hits)], ["base", "base.csr.vop"], resamples=200, confidence=0.95, seed=0)
    return judge(BY_NAME["two_stage_beats_base"], scores, published(), OPTIONS)["verdict"]


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.6])
def test_with_three_seeds_no_gain_is_not_taken_for_one_more_often_than_said(spread):
    """A percentile interval of three seeds would call 12.5 % of the worthless methods supported where seeds decide."""
    rng = np.random.default_rng(int(10 * spread))
    verdicts = [simulate_seeds(rng, 0.0, spread=spread) for _ in range(400)]
    assert verdicts.count(SUPPORTED) <= 18  # 2.5 % would be 10, standard deviation 3.1
    assert verdicts.count(INCONCLUSIVE) >= 368


def test_with_three_seeds_a_true_effect_is_found_and_a_harmful_one_is_not_supported():
    rng = np.random.default_rng(5)
    better = [simulate_seeds(rng, 0.8, spread=0.05) for _ in range(100)]
    worse = [simulate_seeds(rng, -0.8, spread=0.05) for _ in range(100)]
    assert better.count(SUPPORTED) >= 95
    assert worse.count(NOT_SUPPORTED) >= 95
    assert SUPPORTED not in worse


NEARLY_EQUAL = np.repeat((np.random.default_rng(6).uniform(size=(1, 1, 4000)) < 0.5).astype(float), 2, axis=0)
NEARLY_EQUAL[0, 0, :8] = 1 - NEARLY_EQUAL[0, 0, :8]  # all but a handful of items


@pytest.mark.parametrize(
    ("name", "expected", "without_margin"),
    [
        ("no_cold_start_ends_as_high", SUPPORTED, INCONCLUSIVE),
        ("two_stage_beats_mixed_overall", EQUAL, INCONCLUSIVE),
        ("two_stage_beats_csr_only_both_looking", EQUAL, INCONCLUSIVE),
        ("two_stage_beats_base", INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_the_margin_decides_between_what_is_nearly_equal_where_the_claim_says_so(name, expected, without_margin):
    claim = BY_NAME[name]
    scores = resample([accuracy("B", NEARLY_EQUAL)], [claim.worse, claim.better], **FAST)
    row, strict = (judge(claim, scores, published(), OPTIONS.model_copy(update={"margin": m})) for m in (1.0, 0.0))
    assert (row["verdict"], strict["verdict"]) == (expected, without_margin)
    assert row["margin"] == (0.0 if claim.kind == "better" else 1.0)


def test_a_claim_that_nothing_measures_stays_visible_where_all_are_wanted(caplog):
    scores = resample([accuracy("B", np.ones((2, 1, 10)))], ["base", "base.csr"], **FAST)
    tables = {"benchmarks": scores}
    assert list(judge_all(tables, ["base", "base.csr"], OPTIONS, all_of_them=False)["claim"]) == [
        "first_stage_beats_base"
    ]
    rows = judge_all(tables, ["base", "base.csr"], OPTIONS, all_of_them=True)
    assert list(rows["claim"]) == [claim.name for claim in CLAIMS]
    others = rows[rows["claim"] != "first_stage_beats_base"]
    assert set(others["verdict"]) == {NOT_MEASURED}
    assert others["measured"].isna().all()
    assert "two_stage_beats_mixed is not measured: no experiment of params.yaml has base.mix" in caplog.text
    mixed = next(line for line in page(rows, "micro", OPTIONS).splitlines() if "together, on MMStar |" in line)
    assert mixed.endswith("| mixed is clearly worse on the six sub-domains | – | – | **not measured** |")


def test_a_claim_about_a_benchmark_that_a_scale_leaves_out_is_not_measured(caplog):
    scores = resample([accuracy("MMStar", np.ones((2, 1, 10)))], ["base", "base.csr.vop"], **FAST)
    rows = judge_all({"benchmarks": scores}, ["base", "base.csr.vop"], OPTIONS, all_of_them=True).set_index("claim")
    assert rows.loc["two_stage_beats_base", "verdict"] == NOT_SUPPORTED
    assert rows.loc["hallucination_falls", "verdict"] == NOT_MEASURED
    assert rows.loc["gain_without_any_benchmark", "verdict"] == NOT_MEASURED  # there is no other one
    assert "needs besides HallusionBench" in caplog.text


def seven(rng, gains, n_items=120):
    """Right answers (base, trained) on seven benchmarks, each with a gain of its own, and both lineages' scores."""
    benchmarks = []
    for name, gain in zip(BENCHMARKS, gains, strict=True):
        hits = (rng.uniform(size=(2, 1, n_items)) < np.array([0.4, 0.4 + gain]).reshape(2, 1, 1)).astype(float)
        benchmarks.append(accuracy(name, hits))
    return resample(benchmarks, ["base", "base.csr.vop"], **FAST)


def test_a_gain_of_one_benchmark_alone_does_not_survive_leaving_that_out():
    scores = seven(np.random.default_rng(0), [0, 0, 0, 0, 0, 0.55, 0])
    overall, kept, most = (
        judge(BY_NAME[name], scores, published(), OPTIONS)
        for name in ("two_stage_beats_base", "gain_without_any_benchmark", "most_benchmarks_gain")
    )
    assert overall["verdict"] == SUPPORTED
    assert kept["verdict"] == most["verdict"] == INCONCLUSIVE
    assert kept["decided_by"] == f"without {BENCHMARKS[5]}"
    assert kept["measured"] < overall["measured"] - 5
    assert kept["parts"].count("without") == 7
    assert f"- {kept['text']}: without MMStar +" in page(_table(kept), "micro", OPTIONS)


def _table(*rows):
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", ["gain_without_any_benchmark", "most_benchmarks_gain"])
def test_gains_everywhere_are_found(name):
    rng = np.random.default_rng(3)
    verdicts = [judge(BY_NAME[name], seven(rng, [0.3] * 7), published(), OPTIONS)["verdict"] for _ in range(20)]
    assert verdicts.count(SUPPORTED) >= 19


@pytest.mark.parametrize(
    ("name", "gains"),
    [
        ("most_benchmarks_gain", [0.4, 0.4, 0.4, 0, 0, 0, 0]),  # three of seven, and the fourth would do
        ("gain_without_any_benchmark", [0, 0, 0, 0, 0, 0.5, 0]),
    ],
)
def test_claims_of_several_parts_keep_their_error_where_they_are_all_but_true(name, gains):
    """The fourth largest of seven with plain intervals would be called positive in 9.6 % of these experiments."""
    rng = np.random.default_rng(4)
    verdicts = [judge(BY_NAME[name], seven(rng, gains), published(), OPTIONS)["verdict"] for _ in range(400)]
    assert verdicts.count(SUPPORTED) <= 18  # 2.5 % would be 10, standard deviation 3.1


def test_one_seed_is_labelled_and_the_claims_are_counted():
    hits = np.stack([np.zeros((1, 40)), np.ones((1, 40))])
    scores = resample([accuracy("B", hits)], ["base", "base.csr"], **FAST)
    text = page(judge_all({"benchmarks": scores}, ["base", "base.csr"], OPTIONS, all_of_them=False), "micro", OPTIONS)
    assert "| balanced but modest gains | +100.0 | [+100.0, +100.0], one seed | **supported** |" in text
    assert "1 claims were judged, 1 of them supported. Each has an error of its own, 2.5%" in text
    assert "repeat those" not in text
    lineages = ["base", "base+look", "base.csr", "base.csr+look"]
    alike = resample([accuracy("B", np.repeat(hits, 2, axis=0))], lineages, **FAST)
    text = page(judge_all({"benchmarks": alike}, lineages, OPTIONS, all_of_them=False), "micro", OPTIONS)
    assert "2 claims were judged, 2 of them supported. The numbers of 1 repeat those of another claim" in text
    assert "rest on: 1 different ones are supported. Each has" in text
    three = resample([accuracy("B", np.repeat(hits, 3, axis=1))], ["base", "base.csr"], **FAST)
    text = page(judge_all({"benchmarks": three}, ["base", "base.csr"], OPTIONS, all_of_them=False), "micro", OPTIONS)
    assert "[+100.0, +100.0] | **supported** |" in text


def primary(spread):
    """The row of the primary claim, and the page, of three seeds that differ by `spread` points."""
    lineages, rng = ["base", "base+look", "base.csr.vop", "base.csr.vop+look"], np.random.default_rng(7)
    hits = np.repeat((rng.uniform(size=(4, 1, 2000)) < 0.5).astype(float), 3, axis=1)
    for seed, sign in enumerate((1, -1)):  # one seed above, one below, the third between
        of_seed = np.flatnonzero(hits[3, seed] != (sign > 0))[: round(20 * spread)]
        hits[3, seed, of_seed] = float(sign > 0)
    scores = {"benchmarks": resample([accuracy("B", hits)], lineages, **FAST)}
    rows = judge_all(scores, lineages, OPTIONS, all_of_them=False)
    return rows[rows["primary"] == "yes"].iloc[0], page(rows, "micro", OPTIONS)


@pytest.mark.parametrize(("spread", "taken"), [(0.0, 0.5), (0.3, 0.5), (2.0, 2.0)])
def test_the_primary_claim_compares_like_with_like_and_says_what_it_can_find(spread, taken):
    row, text = primary(spread)
    assert (row["claim"], row["seeds"], row["items"]) == ("two_stage_beats_base_both_looking", 3, 2000)
    assert row["seed_spread"] == pytest.approx(spread)
    expected = Spread(3, taken, row["item_error"]).half_width(0.025)
    assert row["reachable"] == pytest.approx(expected)
    assert text.count("(primary claim)") == 1
    assert f"reaches {expected:.2f} points to each side (3 seeds that differ by {taken:g}, 2000 items)" in text


@pytest.mark.parametrize(("n_seeds", "items", "expected"), [(3, 480, 1.6), (8, 1440, 0.75), (10, 2400, 0.60)])
def test_what_a_design_can_reach(n_seeds, items, expected):
    """Seeds that differ by 0.5, and a standard error over items of 0.55 with 480 of them."""
    reached = Spread(n_seeds, 0.5, 0.55 * np.sqrt(480 / items)).half_width(0.025)
    assert reached == pytest.approx(expected, abs=0.05)


def test_one_seed_says_nothing_of_seeds():
    assert Spread(1, float("nan"), 1.0).half_width(0.025) == pytest.approx(1.96, abs=0.001)


def test_published_effects_come_from_the_published_table():
    assert published_effect(BY_NAME["two_stage_beats_base"], published()) == "+1.7 (3B), +1.6 (7B)"
    assert published_effect(BY_NAME["fine_grained_gains_most"], published()) == "+2.4 (3B), +2.4 (7B)"
    assert published_effect(BY_NAME["sft_gains_less"], published()) == "+1.4 (7B)"
    assert published_effect(BY_NAME["two_stage_beats_vop_only"], published()) == "better than either alone"
    assert published_effect(BY_NAME["most_benchmarks_gain"], published()) == "+1.6 (3B), +1.5 (7B)"
    assert published_effect(BY_NAME["gain_without_any_benchmark"], published()) == "+1.5 (3B), +1.4 (7B)"
    assert published_effect(BY_NAME["two_stage_beats_base_both_looking"], published()) == "not in the paper"


# --- what must hold of every interval and every experiment

POINTS = st.floats(-50, 50)
INTERVALS = st.tuples(POINTS, POINTS).map(sorted)
KINDS = st.sampled_from(["better", "as good", "better or equal"])
RANK = {NOT_SUPPORTED: 0, INCONCLUSIVE: 1, EQUAL: 1, SUPPORTED: 2}


@given(INTERVALS, st.floats(0, 10), KINDS, st.floats(0.001, 50))
def test_a_higher_interval_never_has_a_worse_verdict(interval, margin, kind, shift):
    low, high = interval
    assert RANK[verdict(low + shift, high + shift, margin, kind)] >= RANK[verdict(low, high, margin, kind)]


@given(INTERVALS, st.floats(0, 10), KINDS, st.floats(0, 50))
def test_a_wider_interval_never_decides_what_a_narrower_one_left_open(interval, margin, kind, more):
    low, high = interval
    before, after = verdict(low, high, margin, kind), verdict(low - more, high + more, margin, kind)
    assert after in (before, INCONCLUSIVE, EQUAL)  # of EQUAL, the next test says when


@given(INTERVALS, st.floats(0, 10))
def test_equal_is_said_of_what_lies_inside_the_margin_and_could_be_zero_and_of_nothing_else(interval, margin):
    low, high = interval
    is_equal = verdict(low, high, margin, "better or equal") == EQUAL
    assert is_equal == (-margin < low <= 0 <= high < margin)


@given(INTERVALS, st.floats(0, 10))
def test_the_reversed_claim_has_the_reversed_verdict(interval, margin):
    low, high = interval
    reversed_ = {SUPPORTED: NOT_SUPPORTED, NOT_SUPPORTED: SUPPORTED}
    for kind in ("better", "better or equal"):
        if (low, high) != (0, 0):  # "better" of what is exactly equal is not supported, whichever way it is said
            found = verdict(low, high, margin, kind)
            assert verdict(-high, -low, margin, kind) == reversed_.get(found, found)


ESTIMATES = st.lists(st.tuples(POINTS, st.floats(0, 20), st.floats(0, 20)), min_size=1, max_size=7).map(
    lambda parts: [Estimate(value, value - below, value + above) for value, below, above in parts]
)


@given(ESTIMATES, st.data())
def test_the_kth_largest_holds_its_value_and_counts_the_parts_above_zero(estimates, data):
    k = data.draw(st.integers(1, len(estimates)))
    value, low, high = kth_largest(estimates, k)
    assert low <= value <= high
    assert (low > 0) == (sum(part.low > 0 for part in estimates) >= k)
    assert (high < 0) == (sum(part.high < 0 for part in estimates) >= len(estimates) - k + 1)
    below, above = tails_of_parts(0.025, len(estimates), k)
    assert below * (len(estimates) - k + 1) == pytest.approx(above * k) == pytest.approx(0.025)


SHAPES = st.tuples(st.integers(1, 3), st.integers(4, 40), st.integers(0, 2**32 - 1))


@given(
    SHAPES,
    st.floats(0, 1),
    st.sampled_from(
        [
            "two_stage_beats_base",
            "most_benchmarks_gain",
            "two_stage_beats_mixed_overall",
            "no_cold_start_ends_as_high",
            "gain_without_any_benchmark",
        ]
    ),
)
@example((1, 4, 2674), 0.5, "most_benchmarks_gain")
@settings(max_examples=60, deadline=None)
def test_more_right_answers_never_turn_supported_into_not_supported(shape, share, name):
    """With one seed no verdict gets worse, but where no item differs any more, which is not supported for certain; with
    several, more right answers may also make the seeds differ more."""
    n_seeds, n_items, seed = shape
    claim, rng = BY_NAME[name], np.random.default_rng(seed)
    worse = np.repeat(rng.integers(0, 2, (2, 1, n_items)), n_seeds, axis=1)
    better = rng.integers(0, 2, (2, n_seeds, n_items)) | (rng.uniform(size=(2, n_seeds, n_items)) < 0.3)
    raised = better | (rng.uniform(size=better.shape) < share)
    before, after = (
        judge(claim, _two_benchmarks(claim, worse, trained), published(), OPTIONS) for trained in (better, raised)
    )
    assert after["measured"] >= before["measured"]
    assert (before["verdict"], after["verdict"]) != (SUPPORTED, NOT_SUPPORTED)
    if n_seeds == 1 and after["low"] == after["high"] == 0:
        assert after["verdict"] in (NOT_SUPPORTED, EQUAL, SUPPORTED), "decided, by whatever rule the claim has"
    elif n_seeds == 1:
        assert RANK[after["verdict"]] >= RANK[before["verdict"]]


def _two_benchmarks(claim, worse, better):
    hits = [np.stack(pair).astype(float) for pair in zip(worse, better, strict=True)]
    benchmarks = [accuracy(name, each) for name, each in zip(BENCHMARKS, hits, strict=False)]
    return resample(benchmarks, [claim.worse, claim.better], **FAST)

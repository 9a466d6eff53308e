"""The rule of the verdict, on intervals and on simulated experiments whose answer is known."""

import numpy as np
import pytest

from viper.analysis.bootstrap import accuracy, resample
from viper.analysis.claims import (
    CLAIMS,
    INCONCLUSIVE,
    NOT_MEASURED,
    NOT_SUPPORTED,
    SUPPORTED,
    judge,
    judge_all,
    page,
    published_effect,
    verdict,
)
from viper.analysis.published import published

BY_NAME = {claim.name: claim for claim in CLAIMS}


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


def simulate(rng, gain):
    """One experiment in which the two-stage model is right more often than its base by `gain`."""
    hits = (rng.uniform(size=(2, 1, 200)) < np.array([0.5, 0.5 + gain]).reshape(2, 1, 1)).astype(float)
    scores = resample([accuracy("B", hits)], ["base", "base.csr.vop"], resamples=300, confidence=0.95, seed=0)
    return judge(BY_NAME["two_stage_beats_base"], scores, published(), margin=0.0)["verdict"]


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
    return judge(BY_NAME["two_stage_beats_base"], scores, published(), margin=0.0)["verdict"]


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


def test_at_least_as_high_has_a_margin_and_other_claims_have_none():
    rng = np.random.default_rng(6)
    hits = np.repeat((rng.uniform(size=(1, 1, 4000)) < 0.5).astype(float), 2, axis=0)
    hits[0, 0, :8] = 1 - hits[0, 0, :8]  # equal but for a handful of items
    lineages = ["base.cold.csr.vop", "base.csr.vop"]
    scores = resample([accuracy("B", hits)], lineages, resamples=300, confidence=0.95, seed=0)
    claim = BY_NAME["no_cold_start_ends_as_high"]
    assert judge(claim, scores, published(), margin=1.0)["verdict"] == SUPPORTED
    assert judge(claim, scores, published(), margin=0.0)["verdict"] == INCONCLUSIVE
    other = resample([accuracy("B", hits)], ["base", "base.csr.vop"], resamples=300, confidence=0.95, seed=0)
    row = judge(BY_NAME["two_stage_beats_base"], other, published(), margin=1.0)
    assert (row["margin"], row["verdict"]) == (0.0, INCONCLUSIVE)


def test_a_claim_that_nothing_measures_stays_visible_where_all_are_wanted(caplog):
    hits = np.ones((2, 1, 10))
    scores = resample([accuracy("B", hits)], ["base", "base.csr"], resamples=100, confidence=0.95, seed=0)
    tables = {"benchmarks": scores}
    assert list(judge_all(tables, ["base", "base.csr"], 1.0, all_of_them=False)["claim"]) == ["first_stage_beats_base"]
    rows = judge_all(tables, ["base", "base.csr"], 1.0, all_of_them=True)
    assert list(rows["claim"]) == [claim.name for claim in CLAIMS]
    others = rows[rows["claim"] != "first_stage_beats_base"]
    assert set(others["verdict"]) == {NOT_MEASURED}
    assert others["measured"].isna().all()
    assert "two_stage_beats_mixed is not measured: no experiment of params.yaml has base.mix" in caplog.text
    mixed = next(line for line in page(rows, "micro", 0.95).splitlines() if "shuffled together" in line)
    assert mixed.endswith("| mixed is clearly worse on the six sub-domains | – | – | **not measured** |")


def test_the_page_shows_every_claim_with_its_verdict():
    hits = np.stack([np.zeros((1, 40)), np.ones((1, 40))])
    scores = resample([accuracy("B", hits)], ["base", "base.csr"], resamples=100, confidence=0.95, seed=0)
    text = page(judge_all({"benchmarks": scores}, ["base", "base.csr"], 1.0, all_of_them=False), "micro", 0.95)
    assert "| +100.0 | [+100.0, +100.0] | **supported** |" in text
    assert "balanced but modest gains" in text


def test_published_effects_come_from_the_published_table():
    assert published_effect(BY_NAME["two_stage_beats_base"], published()) == "+1.7 (3B), +1.6 (7B)"
    assert published_effect(BY_NAME["fine_grained_gains_most"], published()) == "+2.4 (3B), +2.4 (7B)"
    assert published_effect(BY_NAME["sft_gains_less"], published()) == "+1.4 (7B)"
    assert published_effect(BY_NAME["two_stage_beats_vop_only"], published()) == "better than either alone"


def test_fine_grained_must_beat_the_largest_rival():
    measure = BY_NAME["fine_grained_gains_most"].measure
    base = dict.fromkeys(["fine-grained perception", "math", "coarse perception"], np.array([50.0, 50.0]))
    gains = {"fine-grained perception": [5.0, 5.0], "math": [1.0, 7.0], "coarse perception": [2.0, -3.0]}
    scores = {("base", name): value for name, value in base.items()}
    scores |= {("base.csr.vop", name): base[name] + gains[name] for name in base}
    np.testing.assert_allclose(measure(scores), [3.0, -2.0])

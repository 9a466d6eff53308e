"""The rule of the verdict, on intervals and on simulated experiments whose answer is known."""

import numpy as np
import pytest

from viper.analysis.bootstrap import accuracy, resample
from viper.analysis.claims import CLAIMS, INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, judge, published_effect, verdict
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
    return judge(BY_NAME["two_stage_beats_base"], scores, published())["verdict"]


def test_a_large_gain_is_supported_and_a_large_loss_is_not():
    rng = np.random.default_rng(0)
    assert {simulate(rng, 0.3) for _ in range(20)} == {SUPPORTED}
    assert {simulate(rng, -0.3) for _ in range(20)} == {NOT_SUPPORTED}


def test_no_gain_is_seldom_taken_for_one():
    rng = np.random.default_rng(1)
    verdicts = [simulate(rng, 0.0) for _ in range(200)]
    assert verdicts.count(SUPPORTED) <= 12  # 2.5 % expected: 5, standard deviation 2.2
    assert verdicts.count(INCONCLUSIVE) >= 176


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

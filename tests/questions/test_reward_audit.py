"""The reward's audit: probes, the truth as an embedder, areas, claims and monitors, on rollouts made here."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.completion import write
from viper.config.questions.reward_audit import Alarm
from viper.config.reward import Calibration, Embedder
from viper.config.reward import Reward as RewardSection
from viper.questions.reward_audit import probes, table
from viper.questions.reward_audit.rollouts import Rollout, Run, TruthEmbedder
from viper.synthesis import world

KEY = world.language().key
RED, BLUE = "A small red star was added at the top left.", "A small blue star was added at the center."


def section() -> RewardSection:
    return RewardSection(
        embedder=Embedder(path="unused"), tau=0.5, weight_format=0.05, weight_correct=0.95, coverage="none",
        one_to_one=False,
        calibration=Calibration(pairs="world", sentences=10, seed=0, max_false_positive_rate=None),
    )  # fmt: skip


def rollout(said: str, truth: str, step: int = 1) -> Rollout:
    return Rollout(step=step, prompt=f"Look. {BLUE}", ground_truth=[truth], completion=write("x", said))


def test_the_truth_pays_for_meaning_alone():
    truth = table.true_reward(section(), KEY)
    right, wrong = truth.score([write("x", RED), write("x", BLUE)], [[RED], [RED]])
    assert (right.correct, wrong.correct) == (1.0, 0.0)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6))
def test_equal_meanings_have_cosine_one_and_others_none(words):
    vectors = TruthEmbedder(str).embed(words)
    assert np.array_equal(vectors @ vectors.T, np.equal.outer(words, words))


def test_the_plain_formula_pays_for_repetition_and_one_to_one_does_not():
    run = Run("base.csr", 0, [rollout(RED, RED), rollout(BLUE, BLUE)])
    every = list(table.settings({"truth": (TruthEmbedder(KEY), {"0.5": 0.5})}, section()))
    asked = type("Asked", (), {"generic": ["It is a picture."], "repeats": 8, "candidates": 5})
    found = table.probe([run], every, table.true_reward(section(), KEY), asked)
    gain = found[found["probe"] == "repetition"].set_index(["coverage", "one_to_one"])["advantage"]
    assert gain["none", False] > 0.2
    assert gain["none", True] < 0
    empty = found[found["probe"] == "empty"]
    assert (empty["correct"] == 0).all()


def test_every_probe_is_held_to_something_that_is_scored():
    tasks = [rollout(RED, RED), rollout(BLUE, BLUE)]
    said = probes.answers(0, tasks, generic=["It is."], repeats=2, candidates=3)
    assert set(probes.HELD_TO) <= set(said)
    assert set(probes.HELD_TO.values()) <= {*said, probes.OWN}


def test_monitors_tell_what_is_beyond_its_threshold():
    truth = table.true_reward(section(), KEY)
    run = Run("base.csr", 0, [rollout(BLUE, RED), rollout(BLUE, RED), rollout(RED, RED, 2), rollout("No.", RED, 2)])
    seen = table.monitors([run], truth, truth, Alarm(copied=0.9, distinct=1.5, precision=0.5)).set_index("step")
    assert seen.loc[1, "alarm"] == "copied distinct"
    assert seen.loc[2, "alarm"] == ""
    assert np.isnan(seen.loc[1, "precision"])  # nothing hit: no share to be alarmed by
    assert seen.loc[2, "precision"] == 1


@pytest.mark.parametrize("area", [0.5, 0.7, 1.0])
def test_the_error_of_an_area_shrinks_with_more_sentences(area):
    assert table.area_error(area, 100, 100) <= table.area_error(area, 10, 10)


def test_no_advantage_is_called_supported_in_at_most_the_error_rate():
    rng = np.random.default_rng(0)
    parts = []
    for number in range(400):
        gains = rng.normal(0, 0.1, (3, 40))
        part = {"seed": range(3), "advantage": gains.mean(axis=1), "advantage_error": gains.std(axis=1) / np.sqrt(39)}
        parts.append(pd.DataFrame(part).assign(threshold=str(number)))
    same = {"embedder": "e", "probe": "empty", "coverage": "none", "one_to_one": False, "tasks": 40}
    rows = table.claims(pd.DataFrame(columns=table.ROC), pd.concat(parts).assign(**same), 0.95)
    assert len(rows) == 400
    called = sum(row["verdict"] == "supported" for row in rows)
    assert called / 400 <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / 400)

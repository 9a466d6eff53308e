"""The question `skills`: balanced probes, and verdicts that do not see what is not there."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from microworld.adapters.skills import SKILLS, draw
from microworld.scene import split_of
from viper.analysis.verdicts import SUPPORTED
from viper.config.analysis import Analysis
from viper.config.questions.skills import Skills
from viper.errors import ViperError
from viper.questions.skills import figure, table

OPTIONS = Analysis(
    split="test", resamples=100, confidence=0.95, margin=1.0, seed_spread=0.5, seed=0, published_model="3B"
)
LINEAGES = ["base", "base.csr", "base.vop"]
SKILL_NAMES = [f"skill {number}" for number in range(4)]
CONTRASTS = np.array([0.6, 0.7, 0.8, 0.9, 1.0])


@pytest.mark.parametrize("name", SKILLS)
def test_every_letter_is_right_equally_often(name):
    for size in (20, 23):
        probes = draw(name, 3, size, "test")
        counts = Counter(probe.answer for probe in probes)
        assert len(probes) == size
        assert len(counts) == SKILLS[name].options == len(probes[0].options)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert {split_of(scene) for probe in probes for scene in probe.scenes} == {"test"}


def test_equal_seeds_draw_equal_probes():
    assert draw("color", 5, 8, "dev") == draw("color", 5, 8, "dev")
    assert draw("color", 5, 8, "dev") != draw("color", 6, 8, "dev")


def simulated(rng: np.random.Generator, gain: float, spread: float, seeds: int = 3, items: int = 60):
    """Hits of a base and two trained lineages, whose runs differ by `spread` from a true `gain` (shares)."""
    hits = {}
    run = rng.normal(gain, spread, (len(LINEAGES), seeds))
    run[0] = 0
    for skill in SKILL_NAMES:
        ease = rng.uniform(0.3, 0.7, (1, 1, 1, items)) + run[:, :, None, None] + (CONTRASTS - 0.8)[:, None] * 0.5
        drawn = (rng.random((len(LINEAGES), seeds, len(CONTRASTS), items)) < ease).astype(float)
        drawn[0] = drawn[0, :1]  # the base is asked once
        hits[skill] = drawn
    return hits


def judged(hits):
    scores = table.score(hits, LINEAGES, OPTIONS)
    return table.claims(table.changes(scores, SKILL_NAMES, LINEAGES))


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_effect_is_seldom_called_one(seeds):
    rng = np.random.default_rng(0)
    found = [judged(simulated(rng, 0.0, 0.0 if seeds == 1 else 0.01, seeds)) for _ in range(60)]
    wrong = [bool((claims["verdict"] == SUPPORTED).any()) for claims in found]
    assert np.mean(wrong) <= 0.05, "of whole experiments; each alone may be wrong in 2.5 %"


def test_a_large_effect_is_found():
    claims = judged(simulated(np.random.default_rng(1), 0.3, 0.01))
    assert set(claims["verdict"]) == {SUPPORTED}


@pytest.mark.parametrize("chance", [0.2, 0.25])
def test_a_fit_finds_the_curve_that_it_was_given(chance):
    for threshold, width, top in [(0.8, 0.05, 0.95), (0.72, 0.03, 0.9)]:
        right = table.curve(CONTRASTS, threshold, width, top, chance)
        assert table.fit(CONTRASTS, right, chance) == pytest.approx((threshold, width, top), abs=1e-3)


def test_a_fit_stays_between_chance_and_one_whatever_it_is_given():
    rng = np.random.default_rng(2)
    for _ in range(30):
        threshold, width, top = table.fit(CONTRASTS, rng.random(5), 0.25)
        assert 0 <= threshold <= 1.5
        assert width > 0
        assert 0.25 <= top <= 1


def test_other_probes_are_refused():
    one = pd.DataFrame({"skill": "a", "item": [0, 1], "contrast": 1.0, "answer": ["A", "B"], "hit": [0, 1]})
    other = one.assign(answer=["B", "A"])
    with pytest.raises(ViperError, match="other probes"):
        table.arrange({("base", 0): one, ("base.csr", 0): other}, ["base", "base.csr"])
    with pytest.raises(ViperError, match="not measured"):
        table.arrange({("base", 0): one}, ["base", "base.csr"])
    trained = {("base.csr", seed): one for seed in (0, 2)}
    with pytest.raises(ViperError, match=r"base\.csr, seed 1: not measured"):
        table.arrange({("base", 0): one, ("base.vop", 1): one, **trained}, ["base", "base.csr"])
    assert table.arrange({("base", 0): one, **trained}, ["base", "base.csr"])["a"].shape == (2, 2, 1, 2)


def test_contrasts_must_fall():
    with pytest.raises(ValidationError, match="does not fall"):
        Skills(lineages=["base"], seed=0, items=4, contrasts=[0.6, 0.7, 0.8, 0.9])


def test_counts_in_the_caption_are_whole(tmp_path):
    """A table that was read holds them as fractions."""
    row = {"skill": "text", "lineage": "base.csr", "compared_with": "base", "change": 1.0, "low": 0.5, "high": 2.0}
    path = tmp_path / "changes.csv"
    pd.DataFrame([row | {"items": 200, "seeds": 3, "comparisons": 32}])[table.CHANGES].to_csv(path, index=False)
    text = figure.caption(table.read_changes(path), 0.95)
    assert "200 probes a skill, 3 seed(s)" in text
    assert "all 32 comparisons with 95%" in text

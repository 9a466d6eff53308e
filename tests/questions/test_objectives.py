"""What training took is counted right, the verdicts on simulated lineages are, and the figure shows all of it."""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viper.analysis.bootstrap import accuracy, resample
from viper.analysis.figures import style
from viper.analysis.verdicts import SUPPORTED
from viper.config import load
from viper.errors import ViperError
from viper.files import write_table
from viper.questions.objectives import budget, figure, table
from viper.questions.objectives.budget import Regime

SEEDS = (0, 1, 2)


@lru_cache
def scale():
    return load("micro")


def question():
    return scale().open_questions.objectives


def steps_of(regime, samplings, tokens=100.0):
    """Metrics of a phase: a row a step, whose tokens and reward stand where it samples."""
    is_sampling = np.tile(np.arange(regime.updates) == 0, samplings)
    seen = np.where(is_sampling, tokens, np.nan)
    reward = np.where(is_sampling, 0.5, np.nan) if regime.method == "grpo" else seen * np.nan
    return pd.DataFrame({"step": np.arange(len(seen)) + 1, "reward": reward, "tokens": seen, "seconds": 2.0})


# --- what was spent


def test_every_way_of_training_is_counted_as_it_is():
    found = {
        name: budget.spent(steps_of(regime, samplings), regime).sum()
        for name, regime, samplings in (
            ("once", Regime(method="grpo", prompts=8, samples=40), 12),
            ("again", Regime(method="grpo", prompts=8, samples=40, updates=4, judged=1), 3),
            ("parts", Regime(method="grpo", prompts=32, samples=40, updates=4, parts=True, judged=1), 3),
            ("kl", Regime(method="grpo", prompts=8, samples=40, judged=1), 12),
            ("sft", Regime(method="sft", prompts=40, samples=40), 12),
        )
    }
    assert {name: (row["updates"], row["samples"]) for name, row in found.items()} == dict.fromkeys(found, (12, 480))
    assert {name: row["prompts"] for name, row in found.items()} == {
        "once": 96, "again": 24, "parts": 96, "kl": 96, "sft": 480,
    }  # fmt: skip
    assert {name: row["sampled_tokens"] for name, row in found.items()} == {
        "once": 1200, "again": 300, "parts": 300, "kl": 1200, "sft": 0,
    }  # fmt: skip
    # a token that is sampled is one pass, one that is judged another, one that is learned from three
    assert {name: row["passes"] for name, row in found.items()} == {
        "once": 1200 + 3600, "again": 2 * 300 + 3600, "parts": 2 * 300 + 900, "kl": 2 * 1200 + 3600, "sft": 3600,
    }  # fmt: skip


@given(st.integers(1, 5), st.integers(1, 20), st.booleans(), st.integers(0, 2), st.floats(1, 1e5))
@settings(deadline=None)
def test_what_was_spent_adds_up_whatever_the_regime(updates, samplings, parts, judged, tokens):
    regime = Regime(method="grpo", prompts=4, samples=20, updates=updates, parts=parts, judged=judged)
    spent = budget.spent(steps_of(regime, samplings, tokens), regime)
    whole = spent.sum()
    assert (spent["passes"] > 0).all(), "every step learns from something"
    assert whole["sampled_tokens"] == pytest.approx(samplings * tokens)
    assert whole["trained_tokens"] == pytest.approx(samplings * tokens * (1 if parts else updates))
    assert whole["passes"] == pytest.approx((1 + judged) * whole["sampled_tokens"] + 3 * whole["trained_tokens"])


def test_regimes_are_those_of_each_variant():
    found = budget.regimes(scale(), question().lineages)
    assert "base" not in found
    assert {"base.csr", "base.csr.vop", "base~brief28.vop"} <= set(found), "every phase on the way is counted"
    assert {found[f"base~{name}.csr"].updates for name in ("once", "fourfold")} == {1, 4}
    assert found["base~kl.csr"].judged == found["base~brief28.csr"].judged + 1
    assert found["base~brief28.sft"].samples == found["base~brief28.csr"].samples, "as many samples a step"


def test_all_of_one_contest_have_the_same_number_of_updates_and_samples():
    phases = {name: scale().under(name).training for name in ("", *scale().variants)}
    known = budget.regimes(scale(), question().lineages)

    def taken(lineage):
        steps = 0
        for stage in budget.stages(lineage):
            training = phases[stage.partition(".")[0].partition("~")[2]].phases
            own = training[stage.rpartition(".")[2]].steps
            steps += known[stage].samples * (own if isinstance(own, int) else sum(training[name].steps for name in own))
        return steps

    for contest, pair in question().contests.items():
        if contest not in ("steps", "sft_tokens"):
            assert taken(pair.better) == taken(pair.worse), contest


def test_what_was_not_counted_stops(tmp_path):
    path = tmp_path / "train.csv"
    write_table(path, pd.DataFrame({"step": [1], "reward": [0.5], "tokens": [np.nan], "seconds": [1.0]}))
    with pytest.raises(ViperError, match=r"does not say how many tokens.*train this lineage again"):
        budget.read_metrics(path)
    with pytest.raises(ViperError, match=r"base\.csr with seed 0: no file of metrics"):
        budget.total({}, {}, "base.csr", 0)


def test_rewards_at_equal_compute_are_read_off_where_the_cheapest_ends():
    rows = [("dear", 0, passes, passes / 100) for passes in (0, 50, 100, 200)] + [
        ("cheap", 0, passes, 0.7) for passes in (0, 40, 80)
    ]
    curves = pd.DataFrame(rows, columns=["lineage", "seed", "passes", "smoothed"])
    assert budget.at_equal_compute(curves) == pytest.approx({"dear": 0.8, "cheap": 0.7})


# --- verdicts


def simulate(rng, gains, *, spread=1.5, items=200):
    """Scores of lineages that gain so many points over the first, by runs that differ by `spread` points."""
    hits = np.zeros((len(gains), len(SEEDS), items))
    difficulty = rng.random(items)
    hits[0] = difficulty < 0.5
    for place, gained in enumerate(gains[1:], start=1):
        for number in range(len(SEEDS)):
            hits[place, number] = rng.random(items) < 0.5 + (gained + spread * rng.normal()) / 100
    return resample([accuracy("MMStar", hits)], question().lineages, resamples=200, confidence=0.95, seed=0)


def judged(scores):
    budgets = {(name, seed): pd.Series(1.0, budget.COUNTS) for name in question().lineages[1:] for seed in SEEDS}
    rows = table.summary(scores, question().lineages, budgets, {})
    return rows, table.claims(scores, question(), rows, scale().analysis).set_index("claim")


def test_no_effect_is_seldom_called_supported():
    rng, trials, found = np.random.default_rng(3), 40, 0
    for _ in range(trials):
        _, claims = judged(simulate(rng, np.full(len(question().lineages), 10.0)))
        found += (claims.loc[["order", "steps", "clip", "sft"], "verdict"] == SUPPORTED).sum()
    assert found <= 0.025 * 4 * trials + 3 * np.sqrt(0.025 * 4 * trials)


def test_a_clear_effect_is_found():
    better = [pair.better for pair in question().contests.values()]
    gains = [30.0 if name in better else 0.0 for name in question().lineages]
    gains[question().lineages.index("base.csr.vop")] = 60.0
    _, claims = judged(simulate(np.random.default_rng(1), gains))
    assert claims.loc["sft", "verdict"] == claims.loc["kl", "verdict"] == claims.loc["steps", "verdict"] == SUPPORTED
    assert "{" not in "".join(claims["sentence"])
    assert claims["sentence"].str.contains(r"points \[").all()


def counts_of(changes):
    """A budget of so much, over one that all lineages share."""
    return pd.Series(1.0, budget.COUNTS) * 100 + pd.Series(changes, dtype=float).reindex(budget.COUNTS, fill_value=0)


def test_sentences_tell_what_is_alike_and_what_is_not():
    """Fine-tuning has as many samples of fewer tokens, on ten times the prompts; the two orders differ in tokens."""
    apart = {
        "base~brief28.sft": {"prompts": 6620, "sampled_tokens": -100, "trained_tokens": 300, "passes": 100},
        "base~brief28.vop.csr": {"sampled_tokens": 5, "trained_tokens": 5, "passes": -20},
    }
    budgets = {(name, seed): counts_of(apart.get(name, {})) for name in question().lineages[1:] for seed in SEEDS}
    scores = simulate(np.random.default_rng(0), range(len(question().lineages)))
    rows = table.summary(scores, question().lineages, budgets, {})
    claims = table.claims(scores, question(), rows, scale().analysis).set_index("claim")
    assert claims.loc["sft", "sentence"].endswith(
        "Of the budget alike are 100 updates, 100 samples; not alike are 100 against 6,720 prompts, 100 against 0 "
        "sampled tokens, 100 against 400 tokens learned from; the compute is 0.50 times as much."
    )
    assert "not alike are 100 against 105 sampled tokens" in claims.loc["order", "sentence"]
    assert "not alike" not in claims.loc["kl", "sentence"]


def test_no_claim_says_that_tokens_are_alike():
    """No two ways of training take as many, unless that is what makes them alike: one answers at greater length."""
    for contest, (_, text, told) in table.CLAIMS.items():
        assert ("token" in text + told) == (contest == "sft_tokens"), contest


# --- table and figure


def test_the_figure_shows_every_lineage_and_every_curve():
    rows, _ = judged(simulate(np.random.default_rng(0), range(len(question().lineages))))
    curves = pd.DataFrame(
        [(name, seed, step, step * 1e5, 0.5, 0.5) for name in question().curves for seed in SEEDS for step in (1, 3)],
        columns=budget.CURVES,
    )
    style.use_style()
    left, right = figure.draw(rows, curves).axes
    shown = [label.get_text().partition("\n")[0] for label in left.get_yticklabels()]
    assert sorted(shown) == sorted(question().lineages[1:])
    assert len(right.lines) == len(question().curves)
    assert "95% intervals" in figure.caption(rows, 0.95)
    figure.draw(rows, curves[:0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contests.order.worse": "base.mix"}, "'base.mix' is not among the lineages after the first"),
        ({"contests.order.worse": "base~brief28.csr.vop"}, "held to itself"),
        ({"lineages": ["base.csr", "base"]}, "among the lineages|base first"),
        ({"curves": ["base.csr.vop"]}, "has several phases"),
    ],
)
def test_contests_that_nothing_decides_are_refused(changes, message):
    overrides = {f"open_questions.objectives.{key}": value for key, value in changes.items()}
    with pytest.raises(ViperError, match=message):
        load("micro", overrides=overrides)

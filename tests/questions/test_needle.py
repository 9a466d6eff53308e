"""The question `needle`: one decisive object, and shares of attention on it."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from microworld.adapters.needles import draw
from viper.analysis.bootstrap import Spread
from viper.analysis.verdicts import SUPPORTED
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.evaluation.attention import changed_fields
from viper.questions import answers
from viper.questions.needle import table
from viper.questions.needle.measure import ASKED, NEEDLES, TOLD, share

OPTIONS = Analysis(
    split="test", resamples=100, confidence=0.95, margin=1.0, seed_spread=0.5, seed=0, published_model="3B"
)
LINEAGES = ["base", "base.csr"]
ALL = ["base", "base.csr", "base.vop", "base.csr.vop", "base.mix"]


def test_the_object_is_small_and_the_questions_are_of_one_statement():
    for needle in draw(1, 12, "test"):
        assert list(needle) == NEEDLES
        picture, without = (Image.open(io.BytesIO(needle[name])) for name in ("picture", "without"))
        assert 0 < changed_fields(picture, without, 3, 3, 0.5).mean() <= 1 / 9
        color = needle["statement"].split("small ")[1].split()[0]
        assert color in needle[TOLD]
        assert color not in needle[ASKED]


def test_equal_seeds_draw_equal_needles():
    assert draw(4, 3, "dev") == draw(4, 3, "dev") != draw(5, 3, "dev")


def test_even_attention_has_the_share_of_the_area():
    rng = np.random.default_rng(0)
    for _ in range(20):
        inside = rng.random((3, 5)) < 0.4
        assert share(np.ones(15), inside) == pytest.approx(inside.mean())
        assert share(inside.ravel() + 1e-9, ~inside) == pytest.approx(0, abs=1e-6) or not inside.any()


def simulated(rng: np.random.Generator, base: float, gain: float, pictures: int = 30, lineages=LINEAGES):
    """Measured shares of a base and three runs of each other lineage: asked adds `base`, and `gain` after training."""
    tables = {}
    for run in [("base", 0), *((lineage, seed) for lineage in lineages[1:] for seed in (0, 1, 2))]:
        rows = []
        for method in table.METHODS:
            for question in (ASKED, TOLD):
                added = 0.0 if question == TOLD else base + (gain + rng.normal(0, 0.01) if run[0] != "base" else 0.0)
                noise = rng.normal(0, 0.05, pictures)
                rows += [
                    {"id": f"{n:03d}", "method": method, "question": question, "statement": f"{n}", "area": 0.11,
                     "share": 0.11 + added + noise[n]}
                    for n in range(pictures)
                ]  # fmt: skip
        tables[run] = pd.DataFrame(rows)
    return tables


def verdicts(tables, lineages=LINEAGES):
    claims = table.claims(table.score(tables, lineages, OPTIONS), lineages)
    return dict(zip(claims["claim"], claims["verdict"], strict=True))


@pytest.mark.parametrize("lineages", [LINEAGES, ALL])
def test_no_effect_is_seldom_called_one(lineages):
    rng = np.random.default_rng(1)
    found = [SUPPORTED in verdicts(simulated(rng, 0.0, 0.0, lineages=lineages), lineages).values() for _ in range(60)]
    assert np.mean(found) <= 0.05, "of whole experiments"


def test_large_effects_are_found():
    assert set(verdicts(simulated(np.random.default_rng(2), 0.3, 0.3)).values()) == {SUPPORTED}


def test_seeds_of_all_trained_lineages_tell_what_a_change_must_exceed():
    rng = np.random.default_rng(4)
    scores = table.score(simulated(rng, 0.1, 0.0, lineages=ALL), ALL, OPTIONS)
    claims = table.claims(scores, ALL).set_index("claim")
    gained = [table._gained(lineage, "base", "rollout") for lineage in ALL[1:]]
    spreads = [scores.spread(measure) for measure in gained]
    of_seeds = np.sqrt(np.mean([spread.of_seeds**2 for spread in spreads]) / 3)
    tail = 0.025 / 12
    for lineage, spread in zip(ALL[1:], spreads, strict=True):
        row = claims.loc[f"rollout:{lineage}:gain"]
        half = np.hypot(stats.t.ppf(1 - tail, 8) * of_seeds, stats.norm.ppf(1 - tail) * spread.of_items)
        assert row["reachable"] == pytest.approx(half) == pytest.approx((row["high"] - row["low"]) / 2)
        assert f"less than {half:.2f} points would stay undecided" in row["sentence"]
        assert "together for 12 claims" in row["sentence"]
        assert row["reachable"] < 0.7 * max(each.half_width(tail) for each in spreads), "of two degrees of freedom"


def test_what_is_not_trained_counts_as_one_seed():
    scores = table.score(simulated(np.random.default_rng(5), 0.1, 0.0), LINEAGES, OPTIONS)
    seeds = table.claims(scores, LINEAGES).set_index("claim")["seeds"]
    assert {claim: seeds[f"rollout:{claim}"] for claim in ("base:above-area", "base:asked", "base.csr:gain")} == {
        "base:above-area": 1, "base:asked": 1, "base.csr:gain": 3,
    }  # fmt: skip
    tidied = table.tidy(scores, LINEAGES).groupby("lineage")["seeds"].unique().map(list)
    assert tidied.to_dict() == {"area": [1], "base": [1], "base.csr": [3]}


def test_one_seed_has_intervals_over_items_alone():
    spreads = [Spread(1, float("nan"), 0.2), Spread(3, 0.0, 0.2)]
    expected = stats.norm.ppf(0.99) * 0.2
    assert answers.pooled_half_widths(spreads, 0.01) == pytest.approx([expected, expected])
    assert answers.pooled_half_widths(spreads[:1], 0.01) == pytest.approx([expected])
    assert answers.pooled_half_widths([], 0.01) == []


def test_other_pictures_are_refused():
    tables = simulated(np.random.default_rng(3), 0.0, 0.0)
    tables["base.csr", 1] = tables["base.csr", 1].assign(statement="another")
    with pytest.raises(ViperError, match="other pictures"):
        verdicts(tables)
    with pytest.raises(ViperError, match=r"^base: named twice as a lineage"):
        table.score(tables, ["base", "base"], OPTIONS)
    del tables["base.csr", 0], tables["base.csr", 1]
    with pytest.raises(ViperError, match="not measured"):
        verdicts(tables)

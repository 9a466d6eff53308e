"""The question `needle`: one decisive object, and shares of attention on it."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from microworld.adapters.needles import draw
from viper.analysis.verdicts import SUPPORTED
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.evaluation.attention import changed_fields
from viper.questions.needle import table
from viper.questions.needle.measure import ASKED, NEEDLES, TOLD, share

OPTIONS = Analysis(
    split="test", resamples=100, confidence=0.95, margin=1.0, seed_spread=0.5, seed=0, published_model="3B"
)
LINEAGES = ["base", "base.csr"]


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


def simulated(rng: np.random.Generator, base: float, gain: float, pictures: int = 30):
    """Measured shares of a base and three trained runs: asked adds `base` to the area, and `gain` after training."""
    tables = {}
    for run in [("base", 0), *(("base.csr", seed) for seed in (0, 1, 2))]:
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


def verdicts(tables):
    claims = table.claims(table.score(tables, LINEAGES, OPTIONS), LINEAGES)
    return dict(zip(claims["claim"], claims["verdict"], strict=True))


def test_no_effect_is_seldom_called_one():
    rng = np.random.default_rng(1)
    found = [SUPPORTED in verdicts(simulated(rng, 0.0, 0.0)).values() for _ in range(60)]
    assert np.mean(found) <= 0.05, "of whole experiments"


def test_large_effects_are_found():
    assert set(verdicts(simulated(np.random.default_rng(2), 0.3, 0.3)).values()) == {SUPPORTED}


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

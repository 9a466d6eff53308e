"""Shares of attention over pairs and seeds, with known answers."""

import numpy as np
import pandas as pd
import pytest

from method import method
from viper.analysis.attention_table import maps, read, score, tidy
from viper.analysis.claims import CLAIMS, SUPPORTED, judge
from viper.analysis.published import published
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.synthesis.rows import write_rows
from viper.synthesis.schemas import VOP_COLUMNS

LINEAGES = ["base", "base.csr", "base.csr.vop"]
OPTIONS = Analysis(**method("analysis", resamples=300))


@pytest.fixture
def folder(tmp_path):
    """Forty pairs a seed, other ones for each; the region has a quarter of the area and gains 10 points a stage."""
    rng = np.random.default_rng(0)
    for seed in (0, 1, 2):
        common = rng.normal(scale=0.05, size=40)
        for stage, lineage in enumerate(LINEAGES):
            shares = 0.3 + 0.1 * stage + common + rng.normal(scale=0.01, size=40)
            rows = [
                {
                    "id": f"seed{seed}-{number:02d}",
                    "method": kind,
                    "share": share if kind == "last layer" else 0.25,
                    "area": 0.25,
                    "in_answer": True,
                    "answer": "<think> </think><answer> a </answer>",
                    "rows": 2,
                    "columns": 2,
                    "changed": [True, False, False, False],
                    "before": [share / 2, (1 - share) / 2, 0.0, 0.0],
                    "after": [share / 2, (1 - share) / 2, 0.0, 0.0],
                }
                for number, share in enumerate(shares)
                for kind in ("last layer", "rollout")
            ]
            path = tmp_path / f"seed{seed}" / f"{lineage}.parquet"
            path.parent.mkdir(exist_ok=True)
            pd.DataFrame(rows).to_parquet(path, index=False)
    return tmp_path


def test_shares_stand_beside_area_and_base(folder):
    table = read(folder, LINEAGES, [0, 1, 2])
    rows = tidy(table, score(table, LINEAGES, OPTIONS), LINEAGES).set_index(["lineage", "method"])
    best = rows.loc[("base.csr.vop", "last layer")]
    assert best["share"] == pytest.approx(50, abs=2)
    assert best["area"] == pytest.approx(25)
    assert best["above_area_low"] > 20
    assert best["difference_low"] < 20 < best["difference_high"]
    assert (best["pairs"], best["seeds"]) == (120, 3)
    even = rows.loc[("base", "rollout")]
    assert (even["above_area"], even["above_area_low"], even["above_area_high"]) == (0, 0, 0)


def test_the_claims_rest_on_these_shares(folder):
    table = read(folder, LINEAGES, [0, 1, 2])
    scores = score(table, LINEAGES, OPTIONS)
    verdicts = {claim.name: judge(claim, scores, published(), 0.0) for claim in CLAIMS if claim.table == "attention"}
    assert verdicts["attention_concentrates"]["verdict"] == SUPPORTED
    assert verdicts["attention_concentrates"]["measured"] == pytest.approx(20, abs=1)
    assert verdicts["attention_rollout_concentrates"]["verdict"] == "not supported"  # nothing moved at all


def test_pairs_of_one_seed_must_be_the_same_for_all(folder):
    path = folder / "seed1" / "base.csr.parquet"
    table = pd.read_parquet(path)
    table[table["id"] != "seed1-00"].to_parquet(path, index=False)
    with pytest.raises(ViperError, match=r"seed1/base\.csr\.parquet: has other pairs than base"):
        read(folder, LINEAGES, [0, 1, 2])
    path.unlink()
    with pytest.raises(ViperError, match=r"base\.csr\.parquet: missing"):
        read(folder, LINEAGES, [1])


def test_the_maps_are_those_of_the_first_pairs_of_a_seed(folder, tmp_path):
    images = [{"bytes": name.encode(), "path": name} for name in ("before", "after")]
    columns = {"prompt": "", "ground_truth": [], "lineage": "base", "prompt_name": "", "seed": 0}
    rows = [{"id": f"seed0-{number:02d}", "images": images, **columns} for number in range(40)]
    write_rows(tmp_path / "test.parquet", rows, VOP_COLUMNS)
    shown = maps(read(folder, LINEAGES, [0, 1]), tmp_path / "test.parquet", seed=0, count=2)
    assert sorted(shown["id"].unique()) == ["seed0-00", "seed0-01"]
    assert len(shown) == 2 * 2 * 3  # pairs, methods, lineages
    assert set(shown["picture"]) == {b"after"}

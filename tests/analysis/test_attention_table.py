"""Shares of attention over pairs and seeds, with known answers."""

import numpy as np
import pandas as pd
import pytest

from method import method
from viper.analysis import attention_table
from viper.analysis.attention_table import maps, read, read_maps, score, tidy
from viper.analysis.claims import CLAIMS
from viper.analysis.published import published
from viper.analysis.verdicts import SUPPORTED, judge
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.evaluation import attention
from viper.layout import Layout, run_of
from viper.synthesis.rows import write_rows
from viper.synthesis.schemas import VOP_COLUMNS

LINEAGES = ["base", "base.csr", "base.csr.vop"]
OPTIONS = Analysis(**method("analysis", resamples=300))


@pytest.fixture
def paths(tmp_path):
    """Forty pairs a seed, other ones for each; the region has a quarter of the area and gains 10 points a stage."""
    rng, written = np.random.default_rng(0), []
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
                    "statement": "a",
                    "rows": 2,
                    "columns": 2,
                    "changed": [True, False, False, False],
                    "before": [share / 2, (1 - share) / 2, 0.0, 0.0],
                    "after": [share / 2, (1 - share) / 2, 0.0, 0.0],
                }
                for number, share in enumerate(shares)
                for kind in ("last layer", "rollout")
            ]
            path = tmp_path / Layout("toy").attention(lineage=lineage, seed=seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame(rows).to_parquet(path, index=False)
            written.append(path)
    return written


def with_seeds(paths, *seeds):
    return [path for path in paths if run_of(str(path))[1] in seeds]


def test_shares_stand_beside_area_and_base(paths):
    table = read(paths, LINEAGES)
    rows = tidy(table, score(table, LINEAGES, OPTIONS), LINEAGES).set_index(["lineage", "method"])
    best = rows.loc[("base.csr.vop", "last layer")]
    assert best["share"] == pytest.approx(50, abs=2)
    assert best["area"] == pytest.approx(25)
    assert best["above_area_low"] > 20
    assert best["difference_low"] < 20 < best["difference_high"]
    assert (best["pairs"], best["seeds"]) == (120, 3)
    even = rows.loc[("base", "rollout")]
    assert (even["above_area"], even["above_area_low"], even["above_area_high"]) == (0, 0, 0)


def test_the_claims_rest_on_these_shares(paths):
    table = read(paths, LINEAGES)
    scores = score(table, LINEAGES, OPTIONS)
    verdicts = {
        claim.name: judge(claim, scores, published(), OPTIONS) for claim in CLAIMS if claim.table == "attention"
    }
    assert verdicts["attention_concentrates"]["verdict"] == SUPPORTED
    assert verdicts["attention_concentrates"]["measured"] == pytest.approx(20, abs=1)
    assert verdicts["attention_rollout_concentrates"]["verdict"] == "not supported"  # nothing moved at all


def test_pairs_of_one_seed_must_be_the_same_for_all(paths):
    path = next(path for path in paths if run_of(str(path)) == ("base.csr", 1))
    table = pd.read_parquet(path)
    table[table["id"] != "seed1-00"].to_parquet(path, index=False)
    with pytest.raises(ViperError, match=r"base\.csr/seed1\.parquet: has other pairs or statements than base"):
        read(paths, LINEAGES)
    path.unlink()
    with pytest.raises(ViperError, match=r"base\.csr/seed1\.parquet: missing"):
        read(with_seeds(paths, 1), LINEAGES)
    paths.remove(path)
    with pytest.raises(ViperError, match=r"base\.csr with seed 1: missing"):
        read(paths, LINEAGES)


def test_all_lineages_must_have_been_made_to_say_the_same(paths):
    path = next(path for path in paths if run_of(str(path)) == ("base.csr", 1))
    pd.read_parquet(path).assign(statement="b").to_parquet(path, index=False)
    with pytest.raises(ViperError, match=r"base\.csr/seed1\.parquet: has other pairs or statements than base"):
        read(paths, LINEAGES)


def test_the_maps_are_those_of_the_first_pairs_of_a_seed(paths, tmp_path):
    images = [{"bytes": name.encode(), "path": name} for name in ("before", "after")]
    columns = {"prompt": "", "ground_truth": [], "reasoning": "", "lineage": "base", "prompt_name": "", "seed": 0}
    rows = [{"id": f"seed0-{number:02d}", "images": images, **columns} for number in range(40)]
    write_rows(tmp_path / "test.parquet", rows, VOP_COLUMNS)
    shown = maps(read(with_seeds(paths, 0, 1), LINEAGES), tmp_path / "test.parquet", seed=0, count=2)
    assert sorted(shown["id"].unique()) == ["seed0-00", "seed0-01"]
    assert len(shown) == 2 * 2 * 3  # pairs, methods, lineages
    assert set(shown["picture"]) == {b"after"}


NO_MEASUREMENTS = {
    "no share": lambda table: table.assign(share=np.nan),
    "more than all": lambda table: table.assign(share=50.0),
    "text": lambda table: table.assign(share="much"),
    "no method": lambda table: table.drop(columns="method"),
    "no id": lambda table: table.drop(columns="id"),
    "another method": lambda table: table.assign(method="rollout"),
    "twice": lambda table: pd.concat([table, table.iloc[:1]]),
    "cut off": lambda table: table.iloc[1:],
    "empty": lambda table: table.iloc[:0],
    "an empty id": lambda table: table.assign(id=None),
    "an empty statement": lambda table: table.assign(statement=None),
    "a grid of another size": lambda table: table.assign(rows=3),
    "no number of a field": lambda table: table.assign(after=[[np.nan] * 4] * len(table)),
}


@pytest.mark.parametrize("name", NO_MEASUREMENTS)
def test_what_is_no_measurement_is_refused_in_every_lineage_alike(paths, name):
    for path in paths:
        NO_MEASUREMENTS[name](pd.read_parquet(path)).to_parquet(path, index=False)
    with pytest.raises(ViperError, match=r"base/seed0\.parquet: "):
        read(paths, LINEAGES)


@pytest.mark.parametrize("name", [name for name in NO_MEASUREMENTS if name != "another method"])
def test_maps_that_cannot_be_drawn_are_refused(paths, tmp_path, name):
    table = read(with_seeds(paths, 0), LINEAGES).assign(picture=b"")
    shares, path = tidy(table, score(table, LINEAGES, OPTIONS), LINEAGES), tmp_path / "maps.parquet"
    table.to_parquet(path, index=False)
    assert len(read_maps(path, shares)) == len(table)
    NO_MEASUREMENTS[name](table).to_parquet(path, index=False)
    with pytest.raises(ViperError, match=r"maps\.parquet: "):
        read_maps(path, shares)


def test_the_data_set_of_the_maps_must_have_their_pairs(paths, tmp_path):
    columns = {"prompt": "", "ground_truth": [], "reasoning": "", "lineage": "base", "prompt_name": "", "seed": 0}
    write_rows(tmp_path / "test.parquet", [{"id": "other", "images": [], **columns}], VOP_COLUMNS)
    for seed in (0, 7):
        with pytest.raises(ViperError, match=r"test\.parquet: lacks pairs"):
            maps(read(with_seeds(paths, 0), LINEAGES), tmp_path / "test.parquet", seed=seed, count=2)


def test_the_table_reads_what_the_evaluation_measures():
    assert attention_table.METHODS == (attention.LAST_LAYER, attention.ROLLOUT)
    assert attention_table.MEASURED == attention.COLUMNS

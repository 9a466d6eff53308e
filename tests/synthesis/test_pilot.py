"""The forecast of the data sets from a few images, against what the whole turns out to be."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted_loop import small_section
from viper.errors import ViperError
from viper.synthesis.assemble import Shards
from viper.synthesis.pilot import Yield, forecast, take_images
from viper.synthesis.rows import read_rows, write_rows
from viper.synthesis.schemas import SEED_IMAGES

PILOT = {"images": 8, "confidence": 0.8}


def table_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def whole(seed_rows, tmp_path):
    """Tables of 60 seed images, five shards."""
    paths = [tmp_path / f"whole{number}.parquet" for number in range(5)]
    for path in paths:
        write_rows(path, seed_rows, SEED_IMAGES.columns)
    return paths


def test_the_first_images_are_tried(seed_rows, tmp_path):
    write_rows(tmp_path / "images.parquet", seed_rows, SEED_IMAGES.columns)
    for number in (5, 100):
        take_images(tmp_path / "images.parquet", tmp_path / "pilot.parquet", number)
        assert read_rows(tmp_path / "pilot.parquet") == seed_rows[:number]
    write_rows(tmp_path / "none.parquet", [], SEED_IMAGES.columns)
    with pytest.raises(ViperError, match=r"no seed images to try the loop on"):
        take_images(tmp_path / "none.parquet", tmp_path / "pilot.parquet", 5)


def one_shard(shards):
    return Shards({step: paths[:1] for step, paths in shards.tables.items() if step != "reconstructions"})


def test_a_loop_that_fills_the_data_sets_is_forecast_and_counted(run_loop, whole, tmp_path):
    section = small_section(csr_size=40, vop_size=20, pilot=PILOT)
    shards, _ = run_loop(section=section)
    forecast(one_shard(shards), whole, tmp_path / "yield.csv", section, seed=3)
    rows = {(row["what"], row["name"]): row for row in table_of(tmp_path / "yield.csv")}
    assert rows["rows", "csr"] | {"low": "", "high": ""} == {
        "what": "rows", "name": "csr", "number": "60", "of": "40", "low": "", "high": "",
    }  # fmt: skip
    assert int(rows["rows", "csr"]["low"]) < 60 == int(rows["rows", "csr"]["high"])
    assert rows["form", "captions: as asked"]["number"] == rows["form", "captions: as asked"]["of"] == "6"
    assert ("form", "entities: as asked") in rows


def test_a_loop_that_cannot_fill_them_stops_with_numbers_and_remedies(run_loop, fakes, album, whole, tmp_path):
    section = small_section(csr_size=40, vop_size=20, pilot=PILOT)
    shards, _ = run_loop(vlm=fakes.VLM(album, broken="critique"), section=section)
    with pytest.raises(ViperError) as error:
        forecast(one_shard(shards), whole, tmp_path / "yield.csv", section, seed=3)
    said = str(error.value)
    assert "the data sets cannot be filled, by the pilot of 6 images" in said
    assert "CSR: 0 of 6 pilot images give a row, so 0 (0 to 14) are to be expected, 40 wanted" in said
    assert "(dropped: 6 critiques: broken format)" in said
    assert "CSR lacks about 40 rows" in said
    assert "synthesis.answers.accept: any reads answers without the format" in said
    assert "VOP lacks" not in said
    assert not (tmp_path / "yield.csv").exists()


def test_a_likely_shortfall_is_said_and_does_not_stop(run_loop, whole, tmp_path, caplog):
    section = small_section(csr_size=40, vop_size=59, vop_held_out=4, pilot=PILOT)
    shards, _ = run_loop(section=section)
    with pytest.raises(ViperError, match=r"VOP lacks about 3 rows: add about \d+ seed images"):
        forecast(one_shard(shards), whole, tmp_path / "yield.csv", section, seed=3)
    section = small_section(csr_size=40, vop_size=59, vop_held_out=4, pilot=PILOT, allow_fewer=True)
    forecast(one_shard(shards), whole, tmp_path / "yield.csv", section, seed=3)
    half = Yield("vop", tried=20, usable=10, images=100, held_out=0, wanted=55, confidence=0.8)
    assert half.is_likely_short
    assert not half.is_short


def test_images_that_are_not_drawn_for_vop_are_none_of_its(run_loop, whole, tmp_path):
    section = small_section(csr_size=40, vop_size=5, vop_share=0.5, pilot=PILOT)
    shards, _ = run_loop(section=section)
    pilot = one_shard(shards)
    forecast(pilot, whole, tmp_path / "yield.csv", section, seed=3)
    (usable,) = [row for row in table_of(tmp_path / "yield.csv") if (row["what"], row["name"]) == ("usable", "vop")]
    assert int(usable["of"]) == len(read_rows(pilot.path("refinements", 0))) < 6


@given(st.integers(1, 80), st.data(), st.sampled_from([0.6, 0.8, 0.95]))
def test_bounds_hold_the_share_and_grow_with_what_is_usable(tried, data, confidence):
    usable = data.draw(st.integers(0, tried))
    found = Yield("csr", tried, usable, images=100, held_out=0, wanted=50, confidence=confidence)
    assert 0 <= found.lowest <= found.share <= found.highest <= 1
    if usable < tried:
        more = Yield("csr", tried, usable + 1, images=100, held_out=0, wanted=50, confidence=confidence)
        assert more.lowest > found.lowest
        assert more.highest > found.highest or found.highest == 1


def test_who_can_fill_the_data_sets_is_seldom_stopped():
    """Of loops that would just fill them, at most the share that `confidence` leaves is stopped."""
    rng = np.random.default_rng(0)
    usable = rng.binomial(64, 0.7, size=2000)
    stopped = [Yield("csr", 64, int(k), 1000, 0, 700, confidence=0.8).is_short for k in usable]
    assert np.mean(stopped) <= 0.2
    hopeless = rng.binomial(64, 0.4, size=500)
    assert np.mean([Yield("csr", 64, int(k), 1000, 0, 700, confidence=0.8).is_short for k in hopeless]) > 0.99

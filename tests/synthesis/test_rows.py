"""Tables of rows: `datasets` reads them, and equal rows have equal bytes."""

import pytest
from datasets import load_dataset
from PIL import Image

from viper.errors import ViperError
from viper.synthesis.rows import IMAGE, IMAGES, INTEGER, TEXT, TEXTS, pack_image, read_rows, row_seed, write_rows

COLUMNS = {"id": TEXT, "image": IMAGE, "images": IMAGES, "ground_truth": TEXTS, "seed": INTEGER}


@pytest.fixture
def rows():
    red, blue = (pack_image(Image.new("RGB", (9, 7), color)) for color in ("red", "blue"))
    return [
        {"id": "a", "image": red, "images": [red, blue], "ground_truth": ["One.", "Two."], "seed": 1},
        {"id": "b", "image": blue, "images": [], "ground_truth": [], "seed": 2},
    ]


def test_datasets_reads_images(tmp_path, rows):
    write_rows(tmp_path / "t.parquet", rows, COLUMNS)
    data = load_dataset("parquet", data_files=str(tmp_path / "t.parquet"), split="train", cache_dir=str(tmp_path))
    assert data[0]["image"].size == (9, 7)
    assert [image.getpixel((0, 0)) for image in data[0]["images"]] == [(255, 0, 0), (0, 0, 255)]
    assert data[0]["ground_truth"] == ["One.", "Two."]


def test_round_trip_and_equal_bytes(tmp_path, rows):
    for name in ("one", "two"):
        write_rows(tmp_path / f"{name}.parquet", rows, COLUMNS)
    assert read_rows(tmp_path / "one.parquet") == rows
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_empty_table_keeps_its_columns(tmp_path):
    write_rows(tmp_path / "t.parquet", [], COLUMNS)
    assert read_rows(tmp_path / "t.parquet", ["id", "image"]) == []


def test_unreadable_table_is_named(tmp_path):
    with pytest.raises(ViperError, match=r"absent\.parquet"):
        read_rows(tmp_path / "absent.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(ViperError, match=r"text\.parquet"):
        read_rows(tmp_path / "text.parquet")


def test_row_seeds_differ_by_everything():
    seeds = {row_seed(seed, step, row) for seed in (0, 1) for step in ("a", "b") for row in ("x", "y")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert row_seed(0, "a", "x") == row_seed(0, "a", "x")

"""How alike two files are."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from viper.provenance.compare import Verdict, compare

TABLE = pd.DataFrame({"lineage": ["base", "base.csr"], "score": [41.9, None], "seconds": [1.0, 2.0]})


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.IDENTICAL),
        ({"score": [41.9004, None]}, Verdict.CLOSE),
        ({"score": [42.9, None]}, Verdict.DIFFERENT),
        ({"score": [41.9, 1.0]}, Verdict.DIFFERENT),
        ({"lineage": ["base", "base.vop"]}, Verdict.DIFFERENT),
        ({"seconds": [5.0, 7.0]}, Verdict.CLOSE),
    ],
)
def test_tables(tmp_path, suffix, change, verdict):
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path, table in zip(paths, (TABLE, TABLE.assign(**change)), strict=True):
        if suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    assert compare(*paths).verdict is verdict


@pytest.mark.parametrize(
    ("column", "one", "other", "verdict"),
    [
        ("prediction", "007", "7", Verdict.DIFFERENT),
        ("prediction", "1e5", "100000", Verdict.DIFFERENT),
        ("answer", "None", "", Verdict.DIFFERENT),
        ("term", "nan", "", Verdict.DIFFERENT),
        ("extracted", "1.0", "1.00", Verdict.DIFFERENT),
        ("verdict", "None", "N/A", Verdict.DIFFERENT),
        ("score", "1.0", "1.0001", Verdict.CLOSE),
        ("score", "nan", "", Verdict.CLOSE),
        ("score", "1.0", "None", Verdict.DIFFERENT),
        ("score", "1", "True", Verdict.DIFFERENT),
    ],
)
def test_text_is_compared_as_text(tmp_path, column, one, other, verdict):
    for name, cell in (("a", one), ("b", other)):
        (tmp_path / f"{name}.csv").write_text(f"x,{column}\n1,{cell}\n2,3\n")
    assert compare(tmp_path / "a.csv", tmp_path / "b.csv").verdict is verdict


@pytest.mark.parametrize("content", ["", "x\n", "x,y\n1\n", "x\n1,2\n"])
def test_what_is_no_table_is_different(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    assert compare(tmp_path / "a.csv", tmp_path / "b.csv").verdict is Verdict.DIFFERENT


def test_the_difference_is_told(tmp_path):
    for name, score in (("a", 1.0), ("b", 1.5)):
        (tmp_path / f"{name}.json").write_text(f'{{"base": [{{"score": {score}}}]}}')
    assert compare(tmp_path / "a.json", tmp_path / "b.json").detail == "largest difference 0.5"


def test_pictures(tmp_path):
    pixels = np.full((8, 8, 3), 100, dtype=np.uint8)
    for name, value in (("a", 100), ("b", 101), ("c", 200)):
        Image.fromarray(np.full_like(pixels, value)).save(tmp_path / f"{name}.png")
    assert compare(tmp_path / "a.png", tmp_path / "b.png").verdict is Verdict.CLOSE
    assert compare(tmp_path / "a.png", tmp_path / "c.png").verdict is Verdict.DIFFERENT


def test_other_files_are_the_same_or_not(tmp_path):
    (tmp_path / "a.rst").write_text("x")
    (tmp_path / "b.rst").write_text("y")
    assert compare(tmp_path / "a.rst", tmp_path / "a.rst").verdict is Verdict.IDENTICAL
    assert compare(tmp_path / "a.rst", tmp_path / "b.rst").verdict is Verdict.DIFFERENT

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.analysis.predictions import path_of, read, read_items
from viper.errors import ViperError
from viper.files import write_table


def test_items_are_put_in_one_order_for_all_lineages(write_predictions):
    write_predictions("base", "B", [1, 0, 0], index=["a", "b", "c"])
    folder = write_predictions("base.csr", "B", [0, 1, 1], index=["c", "a", "b"])
    items, hits = read(folder, "B", "test", ["base", "base.csr"], [0])
    assert list(items["index"]) == ["a", "b", "c"]
    np.testing.assert_array_equal(hits[:, 0], [[1, 0, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    ("index", "hits", "message"),
    [
        (["a", "x"], [0, 1], "other items"),
        (["a", "a"], [0, 1], "one item twice"),
        (["a", "b"], [0, 2], "must hold 0 or 1"),
    ],
)
def test_predictions_that_cannot_be_paired_are_refused(write_predictions, index, hits, message):
    write_predictions("base", "B", [1, 0], index=["a", "b"])
    folder = write_predictions("base.csr", "B", hits, index=index)
    with pytest.raises(ViperError, match=message):
        read(folder, "B", "test", ["base", "base.csr"], [0])


def test_missing_files_and_columns_are_named(write_predictions):
    folder = write_predictions("base", "B", [1, 0])
    with pytest.raises(ViperError, match=r"seed1/base\.csr/test/B\.tsv: missing"):
        read(folder, "B", "test", ["base", "base.csr"], [1])
    path_of(folder, 0, "base", "test", "B").write_text("index\tanswer\n1\tA\n")
    with pytest.raises(ViperError, match="lacks the column hit"):
        read(folder, "B", "test", ["base"], [0])


ODD = [
    "None",
    "N/A",
    "null",
    "NaN",
    "1e5",
    "007",
    "True",
    "",
    " ",
    "=1+1",
    'say "x"',
    "a\tb",
    "a\nb",
    "a\rb",
    "\0",
    "é",
]


def test_what_was_said_is_read_as_it_was_said(tmp_path):
    path = path_of(tmp_path, 0, "base", "test", "B")
    columns = ("index", "category", "answer", "prediction", "extracted")
    write_table(path, pd.DataFrame(dict.fromkeys(columns, ODD) | {"hit": 1}))
    found = read_items(tmp_path, 0, "base", "test", "B")
    for column in columns:
        assert found[column].tolist() == sorted(ODD)
    assert found["hit"].tolist() == [1] * len(ODD)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_any_text_is_read_as_it_was_said(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("said")
    write_table(
        path_of(folder, 0, "base", "test", "B"),
        pd.DataFrame({"index": range(len(texts)), "prediction": texts, "hit": 0}),
    )
    assert read_items(folder, 0, "base", "test", "B")["prediction"].tolist() == texts


@pytest.mark.parametrize("hit", ["", "None", "yes", "nan", "2", "0.5", "inf"])
def test_a_hit_that_is_none_is_named(write_predictions, hit):
    folder = write_predictions("base", "B", [1, 0])
    path = path_of(folder, 0, "base", "test", "B")
    path.write_text(f"index\thit\n1\t1\n2\t{hit}\n")
    with pytest.raises(ViperError, match="hit"):
        read(folder, "B", "test", ["base"], [0])

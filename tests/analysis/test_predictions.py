import numpy as np
import pytest

from viper.analysis.predictions import path_of, read
from viper.errors import ViperError


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

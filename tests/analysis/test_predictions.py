import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.analysis.predictions import Predictions, read_items
from viper.errors import ViperError
from viper.files import write_table
from viper.layout import Layout


def test_items_are_put_in_one_order_for_all_lineages(write_predictions):
    write_predictions("base", "B", [1, 0, 0], index=["a", "b", "c"])
    paths = write_predictions("base.csr", "B", [0, 1, 1], index=["c", "a", "b"])
    items, hits = Predictions.of(paths, ["base", "base.csr"]).read("B")
    assert list(items["index"]) == ["a", "b", "c"]
    np.testing.assert_array_equal(hits[:, 0], [[1, 0, 0], [1, 1, 0]])


def test_an_answer_that_names_no_option_is_worth_a_guess_where_that_is_asked_for(write_predictions):
    write_predictions(
        "base",
        "B",
        [1, 0, 0, 0, 0],
        answer=["A", "B", "C", "D", "Yes"],
        reading=["text", "none", "none", "text", "none"],
    )
    paths = write_predictions("base.csr", "B", [1, 1, 0, 0, 1], answer=["A", "B", "C", "D", "Yes"])
    found = Predictions.of(paths, ["base", "base.csr"])
    np.testing.assert_array_equal(found.read("B")[1][:, 0], [[1, 0, 0, 0, 0], [1, 1, 0, 0, 1]])
    # one of four letters; a question that is no choice earns nothing by a guess
    _, guessed = found.read("B", guessed=True)
    np.testing.assert_array_equal(guessed[:, 0], [[1, 0.25, 0.25, 0, 0], [1, 1, 0, 0, 1]])


def test_beginning_to_guess_is_no_gain_where_guesses_are_credited(write_predictions):
    """A base that names no option, and a trained model that guesses: what VLMEvalKit's rule scores as a gain."""
    rng, letters = np.random.default_rng(0), np.array(list("ABCD"))
    answers = rng.choice(letters, 4000)
    write_predictions("base", "B", np.zeros(4000), answer=list(answers), reading="none")
    paths = write_predictions("base.csr", "B", answers == rng.choice(letters, 4000), answer=list(answers))
    found = Predictions.of(paths, ["base", "base.csr"])
    plain, guessed = (found.read("B", guessed=each)[1].mean(axis=(1, 2)) for each in (False, True))
    assert plain[1] - plain[0] > 0.2
    assert abs(guessed[1] - guessed[0]) < 0.03


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
    paths = write_predictions("base.csr", "B", hits, index=index)
    with pytest.raises(ViperError, match=message):
        Predictions.of(paths, ["base", "base.csr"]).read("B")


def test_missing_files_and_columns_are_named(write_predictions, prediction_path):
    (path,) = write_predictions("base", "B", [1, 0])
    missing = prediction_path("base.csr", "B", 1)
    with pytest.raises(ViperError, match=r"test/base\.csr/seed1/B\.tsv: missing"):
        Predictions.of([path, missing], ["base", "base.csr"]).read("B")
    path.write_text("index\tanswer\n1\tA\n")
    with pytest.raises(ViperError, match="lacks the column hit"):
        Predictions.of([path], ["base"]).read("B")


def test_a_run_whose_file_nobody_named_is_named(write_predictions):
    for seed in (0, 1):
        write_predictions("base.csr", "B", [1, 0], seed=seed)
    paths = write_predictions("base.csr.vop", "B", [1, 0], seed=1)
    with pytest.raises(ViperError, match=r"base\.csr\.vop with seed 0 on B: no file of predictions was named"):
        Predictions.of(paths, ["base.csr", "base.csr.vop"]).read("B")
    with pytest.raises(ViperError, match=r"^base on B: no file of predictions was named"):
        Predictions.of(paths, ["base", "base.csr"]).read("B")
    with pytest.raises(ViperError, match=r"base\.csr with seed 0 on C: no file"):
        Predictions.of(paths, ["base.csr"]).read("C")
    with pytest.raises(ViperError, match="no lineage was asked for"):
        Predictions.of(paths, [])


def test_seeds_are_those_of_the_lineages_that_are_compared_in_their_order(write_predictions):
    write_predictions("base", "B", [1, 1])
    for seed, hits in ((7, [1, 0]), (2, [0, 0])):
        paths = write_predictions("base.csr", "B", hits, seed=seed)
    found = Predictions.of([*paths, *write_predictions("base.vop", "B", [1, 0], seed=5)], ["base", "base.csr"])
    assert (found.seeds, found.runs) == ((7, 2), (7, 2))
    _, hits = found.read("B")
    np.testing.assert_array_equal(hits, [[[1, 1], [1, 1]], [[1, 0], [0, 0]]])  # the base is the same for every seed


def test_what_is_not_trained_has_one_run_without_a_number(write_predictions):
    write_predictions("base", "B", [1, 1])
    found = Predictions.of(write_predictions("base+look", "B", [1, 0]), ["base", "base+look"])
    assert (found.seeds, found.runs) == ((), (None,))
    assert found.read("B")[1].tolist() == [[[1, 1]], [[1, 0]]]


def test_two_splits_are_not_compared(write_predictions):
    paths = write_predictions("base", "B", [1, 0])
    other = Path(Layout("toy").predictions("B.tsv", lineage="base.csr", split="dev", seed=0))
    with pytest.raises(ViperError, match=r"test/base/B\.tsv and .*dev/base\.csr/seed0/B\.tsv: .*different splits"):
        Predictions.of([*paths, other], ["base", "base.csr"])


@pytest.mark.parametrize(
    "path",
    [
        "B.tsv",
        "results/toy/main/main.csv",
        "results/toy/predictions/B.tsv",
        "results/toy/predictions/test/B.tsv",
        "results/toy/predictions/test/base.csr/run0/B.tsv",
        "results/toy/predictions/test/base.csr/seed0/more/B.tsv",
        "elsewhere/toy/predictions/test/base.csr/seed0/B.tsv",
    ],
)
def test_a_path_that_says_nothing_is_refused(write_predictions, path):
    with pytest.raises(ViperError, match=rf"^{re.escape(path)}: .*files of predictions as the evaluation writes them"):
        Predictions.of([*write_predictions("base", "B", [1, 0]), Path(path)], ["base"])


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
    path = tmp_path / "B.tsv"
    columns = ("index", "category", "answer", "prediction", "extracted")
    write_table(path, pd.DataFrame(dict.fromkeys(columns, ODD) | {"hit": 1}))
    found = read_items(path)
    for column in columns:
        assert found[column].tolist() == sorted(ODD)
    assert found["hit"].tolist() == [1] * len(ODD)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=5))
def test_any_text_is_read_as_it_was_said(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("said") / "B.tsv"
    write_table(path, pd.DataFrame({"index": range(len(texts)), "prediction": texts, "hit": 0}))
    assert read_items(path)["prediction"].tolist() == texts


@pytest.mark.parametrize("hit", ["", "None", "yes", "nan", "2", "0.5", "inf"])
def test_a_hit_that_is_none_is_named(write_predictions, hit):
    (path,) = write_predictions("base", "B", [1, 0])
    path.write_text(f"index\thit\n1\t1\n2\t{hit}\n")
    with pytest.raises(ViperError, match="hit"):
        Predictions.of([path], ["base"]).read("B")


@pytest.mark.parametrize("column", ["category", "l2-category", "question", "answer"])
def test_the_same_indices_must_stand_for_the_same_items(write_predictions, column):
    write_predictions("base", "B", [1, 0])
    first, path = write_predictions("base.csr", "B", [0, 1])
    for file, told in ((first, ["a", "b"]), (path, ["a", "c"])):
        table = pd.read_csv(file, sep="\t", dtype=str).assign(**{column: told}, prediction=str(file))
        table.to_csv(file, sep="\t", index=False)
    with pytest.raises(
        ViperError, match=rf"base\.csr.*: holds other items than .* under the same indices \({column}\)"
    ):
        Predictions.of([first, path], ["base", "base.csr"]).read("B")
    table.assign(**{column: ["a", "b"]}).to_csv(path, sep="\t", index=False)
    assert Predictions.of([first, path], ["base", "base.csr"]).read("B")[1].shape == (2, 1, 2)
    table.drop(columns=column).to_csv(path, sep="\t", index=False)
    with pytest.raises(ViperError, match="other items"):
        Predictions.of([first, path], ["base", "base.csr"]).read("B")


def test_one_run_given_as_two_files_and_one_lineage_named_twice_are_refused(write_predictions):
    paths = write_predictions("base", "B", [1, 0])
    other = Path(Layout("other").predictions("B.tsv", lineage="base", split="test", seed=None))
    with pytest.raises(ViperError, match=r"toy/.*B\.tsv and results/other/.*B\.tsv: both are of the same run"):
        Predictions.of([*paths, other], ["base"])
    with pytest.raises(ViperError, match=r"^base: named twice as a lineage to compare"):
        Predictions.of(paths, ["base", "base"])

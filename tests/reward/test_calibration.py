import json

import numpy as np
import pandas as pd
import pytest

from microworld.adapters.pairs import draw_pairs, draw_sentences, errors, paraphrase
from microworld.grammar import plain
from microworld.parse import parse_operation, parse_refinement
from viper.errors import ViperError
from viper.reward.calibration import choose_tau, measure, rates_by_kind, roc_table
from viper.reward.pairs import Pair, read_pairs


def table(same: list[float], different: list[float]) -> pd.DataFrame:
    kinds = ["exact"] * len(same) + ["color"] * len(different)
    return pd.DataFrame({"cosine": same + different, "same": [k == "exact" for k in kinds], "kind": kinds})


def test_roc_with_known_answers():
    roc = roc_table(table([1.0, 0.8], [0.9, 0.5])).set_index("tau")
    assert list(roc.index) == pytest.approx([0, 0.65, 0.85, 0.95])
    assert list(roc["true_positive_rate"]) == [1, 1, 0.5, 0.5]
    assert list(roc["false_positive_rate"]) == [1, 0.5, 0.5, 0]
    assert list(roc["youden_j"]) == [0, 0.5, 0, 0.5]


def test_choice_under_a_limit_is_the_lowest_tau_that_keeps_it():
    measured = table([1.0, 1.0, 0.97, 0.92], [0.95] + [0.5] * 9)
    strict = choose_tau(measured, 0.0)
    assert (strict.tau, strict.true_positive_rate, strict.false_positive_rate) == (pytest.approx(0.96), 0.75, 0)
    loose = choose_tau(measured, 0.1)
    assert (loose.tau, loose.true_positive_rate, loose.false_positive_rate) == (pytest.approx(0.71), 1, 0.1)
    assert choose_tau(measured, None).tau == pytest.approx(0.71)
    assert rates_by_kind(measured, 0.96)["color"] == {"pairs": 10, "above_tau": 0.0}


def test_an_embedder_that_cannot_tell_is_refused():
    with pytest.raises(ViperError, match="cannot tell them apart"):
        choose_tau(table([0.9, 0.9], [0.9, 0.95]), 0.01)
    with pytest.raises(ViperError, match="both sorts: 2 same, 0 different"):
        choose_tau(table([0.9, 0.9], []), 0.01)


def test_sentences_of_the_world_are_distinct_and_in_the_grammar():
    sentences = draw_sentences(200, seed=0)
    assert len(set(sentences)) == 200
    assert all(parse_operation(s) or parse_refinement(s) for s in sentences)
    assert sentences == draw_sentences(200, seed=0)
    assert sentences != draw_sentences(200, seed=1)


def test_every_sentence_has_a_paraphrase_and_errors():
    rng = np.random.default_rng(0)
    for sentence in draw_sentences(200, seed=0):
        assert paraphrase(sentence) not in (None, sentence)
        wrong = dict(errors(sentence, rng))
        assert len(wrong) >= 2
        assert sentence not in wrong.values()


def test_errors_change_the_meaning():
    rng = np.random.default_rng(0)
    sentence = "The size of the red circle at the top left was changed from large to small."
    wrong = dict(errors(sentence, rng))
    assert wrong["order"] == "The size of the red circle at the top left was changed from small to large."
    assert set(wrong) == {"color", "shape", "size", "row", "column", "order"}
    assert "red" not in wrong["color"]


def test_pairs_of_the_world():
    pairs = draw_pairs(30, seed=0)
    assert pairs == draw_pairs(30, seed=0)
    assert sum(pair.kind == "exact" for pair in pairs) == sum(pair.kind == "paraphrase" for pair in pairs) == 30
    assert all(pair.same == (pair.kind in ("exact", "wording", "paraphrase")) for pair in pairs)
    assert all(pair.first != pair.second for pair in pairs if pair.kind != "exact")


def test_a_wording_of_a_pair_says_the_same_and_an_error_something_else():
    pairs = draw_pairs(60, seed=0)
    assert {pair.kind for pair in pairs} >= {"wording", "color", "order"}
    for pair in pairs:
        if pair.kind != "paraphrase":
            assert (plain(pair.first) == plain(pair.second)) == pair.same, pair


def test_measure_with_the_fake_embedder(fake_embedder):
    measured = measure([Pair("A b.", "a B.", True, "exact"), Pair("A b.", "C d.", False, "color")], fake_embedder())
    assert measured["cosine"][0] == 1
    assert abs(measured["cosine"][1]) < 0.5


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_pairs_from_a_file(tmp_path, suffix):
    rows = [{"first": "A.", "second": "B.", "same": True}, {"first": "A.", "second": "C.", "same": False}]
    path = tmp_path / f"pairs{suffix}"
    if suffix == ".csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [(pair.second, pair.same) for pair in read_pairs(path)] == [("B.", True), ("C.", False)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("first,second\na,b\n", ": lacks the column same; it has first, second"),
        ("first,second,same\na,b,1\n\na,b,perhaps\n", ", line 4: same: .*true or false is wanted, found 'perhaps'"),
        ("first,second,same\na,b,yes\n", ", line 2: same: .*true or false is wanted, found 'yes'"),
        ('first,second,same\n"two\nlines",,1\n', ", line 3: second: .*a sentence is wanted"),
        ("first,second,same\na,b,1\na,b\n", ", line 3: 2 cells, the header has 3"),
        ('first,second,same\na,b,1\n"a,b,1\n', ", line 3: no table"),
    ],
)
def test_bad_pairs_are_named(tmp_path, text, problem):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(ViperError, match=r"pairs\.csv" + problem + r".*\. Labelled pairs are a \.csv or \.jsonl"):
        read_pairs(path)


def test_cells_are_text_whatever_they_look_like(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("first,second,same,kind\nNone,007,TRUE,NA\n1e5,nan, 0 ,\n")
    assert read_pairs(path) == [Pair("None", "007", True, "NA"), Pair("1e5", "nan", False, "different")]


@pytest.mark.parametrize("line", ["{", "[1]", "[" * 100_000, '{"first": "a", "second": "\\u200b", "same": true}'])
def test_bad_lines_are_named(tmp_path, line):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"first": "A.", "second": "B.", "same": true}\n\n' + line, encoding="utf-8-sig")
    with pytest.raises(ViperError, match=r"pairs\.jsonl, line 3: "):
        read_pairs(path)


def test_missing_pairs(tmp_path):
    with pytest.raises(ViperError, match=r"none\.csv: missing\. Labelled pairs are"):
        read_pairs(tmp_path / "none.csv")

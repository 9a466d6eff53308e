"""Words of the reasoning, and the log-odds that say which were gained."""

import json

import numpy as np
import pandas as pd
import pytest

from viper.analysis.predictions import Predictions
from viper.analysis.words import PRIOR, compare, log_odds, read_reasoning
from viper.errors import ViperError


def test_log_odds_by_hand():
    before, after = np.array([10.0, 90.0]), np.array([30.0, 70.0])
    difference, z = log_odds(before, after)
    prior = PRIOR * np.array([0.2, 0.8])
    expected = np.log((30 + prior[0]) / (70 + prior[1])) - np.log((10 + prior[0]) / (90 + prior[1]))
    assert difference[0] == pytest.approx(expected)
    assert difference[1] == pytest.approx(
        -expected
    )  # with two terms, the odds of one are those of the other turned over
    assert z[0] == pytest.approx(expected / np.sqrt(1 / (30 + prior[0]) + 1 / (10 + prior[0])))


def test_equal_texts_have_no_difference():
    texts = ["look at the picture", "scan the picture"] * 20
    assert compare(texts, texts)["z"].abs().max() == 0


def test_a_gained_word_leads_and_a_rare_one_does_not():
    before = ["scan the whole picture"] * 400
    after = ["look closely at the picture"] * 399 + ["look closely at the zebra"]
    table = compare(before, after).set_index("term")
    singles, pairs = table[table["words"] == 1], table[table["words"] == 2]
    assert set(singles.index[:3]) == {"look", "closely", "at"}
    assert "look closely" in pairs.index[:4]
    assert table.loc["zebra", "z"] < 1.96 < table.loc["look", "z"]
    assert table.loc["scan", "z"] < -1.96
    assert (table.loc["look", "before"], table.loc["look", "after"]) == (0, 400)
    assert singles["per_thousand_after"].sum() == pytest.approx(1000)


def test_chance_alone_seldom_gains_a_word():
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(50)])
    texts = [" ".join(rng.choice(words, 10)) for _ in range(800)]
    table = compare(texts[:400], texts[400:])
    assert (table.loc[table["words"] == 1, "z"].abs() > 1.96).mean() < 0.15


def test_items_that_are_asked_four_times_count_four_times_and_the_base_once(prediction_path):
    said = [
        "<think> look here </think>",
        json.dumps(["<think> scan it </think>"] * 4),
        '["not JSON <think> scan </think>',
    ]
    paths = [prediction_path(lineage, "B", seed) for lineage in ("base", "base.csr") for seed in (0, 1)]
    for path in paths:
        table = pd.DataFrame({"index": ["a", "b", "c"], "prediction": said, "hit": 0})
        table.to_csv(path, sep="\t", index=False)
    predictions = Predictions.of(paths, ["base", "base.csr"])
    assert len(read_reasoning(predictions, "base", ["B"])) == 6
    assert len(read_reasoning(predictions, "base.csr", ["B"])) == 12


def test_a_model_that_does_not_reason_is_an_error(prediction_path):
    path = prediction_path("base", "B")
    pd.DataFrame({"index": ["a", "b"], "prediction": ["red", ""], "hit": 0}).to_csv(path, sep="\t", index=False)
    with pytest.raises(ViperError, match="none of 2 answers has reasoning"):
        read_reasoning(Predictions.of([path], ["base"]), "base", ["B"])

"""The reward's audit: probes, the truth as an embedder, areas and claims, on rollouts made here."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from viper.completion import write
from viper.config import load
from viper.config.questions.reward_audit import RewardAudit
from viper.config.reward import Calibration, Embedder
from viper.config.reward import Reward as RewardSection
from viper.questions.reward_audit import claims, figure, probes, table
from viper.questions.reward_audit.rollouts import Rollout, Run, TruthEmbedder
from viper.reading import read_table
from viper.synthesis import world
from viper.synthesis.sharing import calibrated_as

KEY = world.language().key
RED, BLUE = "A small red star was added at the top left.", "A small blue star was added at the center."


def section() -> RewardSection:
    return RewardSection(
        embedder=Embedder(path="unused"), tau=0.5, weight_format=0.05, weight_correct=0.95, coverage="none",
        one_to_one=False,
        calibration=Calibration(pairs="world", sentences=10, seed=0, max_false_positive_rate=None),
    )  # fmt: skip


def rollout(said: str, truth: str, step: int = 1) -> Rollout:
    return Rollout(step=step, prompt=f"Look. {BLUE}", ground_truth=[truth], completion=write("x", said))


def test_the_truth_pays_for_meaning_alone():
    truth = table.true_reward(section(), KEY)
    right, wrong = truth.score([write("x", RED), write("x", BLUE)], [[RED], [RED]])
    assert (right.correct, wrong.correct) == (1.0, 0.0)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6))
def test_equal_meanings_have_cosine_one_and_others_none(words):
    vectors = TruthEmbedder(str).embed(words)
    assert np.array_equal(vectors @ vectors.T, np.equal.outer(words, words))


def test_the_plain_formula_pays_for_repetition_and_one_to_one_does_not():
    run = Run("base.csr", 0, [rollout(RED, RED), rollout(BLUE, BLUE)])
    every = list(table.settings({"truth": (TruthEmbedder(KEY), {"0.5": 0.5})}, section()))
    asked = type("Asked", (), {"generic": ["It is a picture."], "repeats": 8, "candidates": 5})
    found = table.probe([run], every, table.true_reward(section(), KEY), asked)
    gain = found[found["probe"] == "repetition"].set_index(["coverage", "one_to_one"])["advantage"]
    assert gain["none", False] > 0.2
    assert gain["none", True] < 0
    empty = found[found["probe"] == "empty"]
    assert (empty["correct"] == 0).all()


def test_every_probe_is_held_to_something_that_is_scored():
    tasks = [rollout(RED, RED), rollout(BLUE, BLUE)]
    said = probes.answers(0, tasks, generic=["It is."], repeats=2, candidates=3)
    assert set(probes.HELD_TO) <= set(said)
    assert set(probes.HELD_TO.values()) <= {*said, probes.OWN}


class Letters:
    """Counts letters: some agreement with meaning, as a poor embedder has."""

    def embed(self, sentences):
        counts = np.array(
            [[each.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for each in sentences], float
        )
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def test_areas_count_each_distinct_sentence_once_and_a_perfect_embedder_has_area_one():
    run = Run("base.csr", 0, [rollout(RED, RED), rollout(RED, RED), rollout(BLUE, RED), rollout(BLUE, BLUE)])
    truth = table.true_reward(section(), KEY)
    found = table.roc([run], {"truth": TruthEmbedder(KEY), "letters": Letters()}, truth).set_index("embedder")
    assert found.loc["truth", ["sentences", "true", "auc"]].tolist() == [3, 2, 1.0]
    assert set(found["source"]) == {table.ROLLOUTS}


def test_a_seed_whose_sentences_are_all_right_has_no_area():
    run = Run("base.csr", 0, [rollout(RED, RED)])
    assert table.roc([run], {"letters": Letters()}, table.true_reward(section(), KEY)).empty


def test_pairs_have_an_area_for_each_way_to_say_the_same(tmp_path):
    pairs = pd.DataFrame(
        {
            "same": [True, True, True, False, False],
            "kind": ["exact", "wording", "paraphrase", "color", "order"],
            "cosine": [1.0, 0.95, 0.5, 0.9, 0.8],
        }
    )
    path = tmp_path / "pairs.csv"
    pairs.to_csv(path, index=False)
    pairs = read_table(path, needed=list(pairs), numbers=["cosine"])
    found = table.roc_of_pairs("e", pairs, 3).set_index("source")
    assert found["auc"].to_dict() == {"wording": 1.0, "paraphrase": 0.0}
    assert (found["sentences"] == 3).all()


def test_no_pair_of_wrong_sentences_gives_no_area():
    pairs = pd.DataFrame({"same": [True], "kind": ["wording"], "cosine": [0.9]})
    assert table.roc_of_pairs("e", pairs, 0).empty


def steps(path, precision):
    rows = {"step": range(1, 1 + len(precision)), "copied": 0.1, "distinct": 3.0, "precision": precision, "alarm": ""}
    frame = pd.DataFrame(rows)
    frame.loc[1::2, ["copied", "distinct", "precision"]] = np.nan  # goes on with what was sampled before
    frame.to_csv(path, index=False)
    return path


def test_a_falling_precision_is_found_and_a_constant_one_is_not(tmp_path):
    noise = np.random.default_rng(0)
    files = {}
    for seed in range(3):
        files["base~a.csr", seed] = steps(
            tmp_path / f"a{seed}.csv", np.linspace(0.9, 0.3, 28) + noise.normal(0, 0.01, 28)
        )
        files["base~b.csr", seed] = steps(tmp_path / f"b{seed}.csv", 0.6 + noise.normal(0, 0.01, 28))
    seen = claims.watched(files)
    assert len(seen) == 6 * 14
    rows = {row["claim"]: row for row in claims.of_precision(seen, 0.95)}
    assert rows["precision_base~a.csr"]["verdict"] == "supported"
    assert rows["precision_base~b.csr"]["verdict"] != "supported"
    assert rows["precision_base~a.csr"]["measured"] == pytest.approx(0.4, abs=0.1)


def test_without_a_truth_there_is_no_claim_of_precision(tmp_path):
    seen = claims.watched({("base~a.csr", 0): steps(tmp_path / "a.csv", np.full(28, np.nan))})
    assert claims.of_precision(seen, 0.95) == []


@pytest.mark.parametrize("area", [0.5, 0.7, 1.0])
def test_the_error_of_an_area_shrinks_with_more_sentences(area):
    assert table.area_error(area, 100, 100) <= table.area_error(area, 10, 10)


def tried(rng, effect=0.0, runs=400):
    """Probes of `runs` embedders with three seeds of 40 prompts, all of the same advantage."""
    parts = []
    for number in range(runs):
        gains = rng.normal(effect, 0.1, (3, 40))
        part = {"seed": range(3), "advantage": gains.mean(axis=1)}
        part |= {"advantage_error": gains.std(axis=1, ddof=1) / np.sqrt(40)}
        parts.append(pd.DataFrame(part).assign(embedder=f"e{number}"))
    same = {"threshold": table.CALIBRATED, "probe": "empty", "coverage": "none", "one_to_one": False, "tasks": 40}
    return pd.concat(parts).assign(lineage="base.csr", **same)


def test_no_advantage_is_called_supported_in_at_most_the_error_rate():
    rows = claims.of_cheating(tried(np.random.default_rng(0)), 0.95)
    assert len(rows) == 400
    called = sum(row["verdict"] == "supported" for row in rows)
    assert called / 400 <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / 400)


def test_an_advantage_is_found():
    rows = claims.of_cheating(tried(np.random.default_rng(1), effect=0.3, runs=20), 0.95)
    assert all(row["verdict"] == "supported" for row in rows)


def test_coverage_that_takes_what_cheating_earns_is_found_and_one_that_does_not_is_not():
    plain = tried(np.random.default_rng(2), effect=0.3, runs=1)
    same = plain.assign(one_to_one=True)
    less = same.assign(coverage="harmonic", advantage=plain["advantage"] - 0.5)
    rows = {row["claim"]: row for row in claims.of_coverage(pd.concat([plain, same, less]), "e0", 0.95)}
    assert rows["coverage_harmonic_true"]["verdict"] == "supported"
    assert rows["coverage_none_true"]["verdict"] != "supported"


def question(**changes):
    given = {
        "lineages": ["base", "base.csr", "base~e5.csr", "base~t.csr"],
        "embedders": {"minilm": "base.csr", "e5": "base~e5.csr"},
        "thresholds": {"t": "base~t.csr"},
        "generic": ["It is."],
        "repeats": 2,
        "candidates": 3,
    }
    return RewardAudit(**(given | changes))


def test_the_first_embedder_is_what_others_are_held_to():
    assert question().held_to == "base.csr"
    assert question(lineages=["base", "base.csr", "base~t.csr"], embedders={"minilm": "base.csr", "e5": None})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lineages": ["base", "base.csr"]}, "after the base, name those of embedders"),
        ({"lineages": ["base.csr", "base", "base~e5.csr", "base~t.csr"]}, "stands first and is trained"),
        ({"thresholds": {"t": "base.csr"}}, "after the base, name those of embedders"),
    ],
)
def test_lineages_that_do_not_fit_are_refused(changes, told):
    with pytest.raises(ValidationError, match=told):
        question(**changes)


def test_a_threshold_is_chosen_once_for_every_embedder():
    scale = load("micro")
    owners = {name: calibrated_as(scale, f"base~{name}.csr") for name in ("brief28", "tau85", "e5", "wordllama")}
    assert owners == {"brief28": "base", "tau85": "base", "e5": "base~e5", "wordllama": "base~wordllama"}
    assert calibrated_as(scale, "base.csr.vop") == "base"


def test_the_figure_shows_all_embedders_and_its_caption_what_probes_are_held_to():
    probes_ = tried(np.random.default_rng(3), runs=2)
    areas = pd.DataFrame({"embedder": ["e0", "e1"], "source": table.ROLLOUTS, "auc": 0.8, "error": 0.01})
    rows = pd.DataFrame([{"setting": "e0", "gain": 1.0, "gain_low": 0.0, "gain_high": 2.0, "seeds": 3, "items": 9}])
    drawn = figure.draw(rows, areas, probes_, 0.95)
    titles = [axes.get_title() for axes in drawn.axes]
    assert {"e0, calibrated τ", "e1, calibrated τ"} <= set(titles)
    assert "repetition to half right" in figure.caption(rows, 0.95)

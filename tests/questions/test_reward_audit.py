"""The reward's audit: probes, the truth as an embedder, areas and claims, on rollouts made here."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from viper.completion import write
from viper.config import load
from viper.config.hub import cached_folder
from viper.config.questions.reward_audit import RewardAudit
from viper.config.reward import Calibration, Embedder
from viper.config.reward import Reward as RewardSection
from viper.lineage import variant_of
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


class Asked:
    generic, repeats, candidates = ["It is a picture."], 8, 5


class Careless:
    """One direction for all sentences, as a threshold that is too low makes of any embedder."""

    def embed(self, sentences):
        return np.ones((len(sentences), 1), dtype=np.float32)


class Reader(TruthEmbedder):
    """Takes a sentence for each alternative that it names, as an embedder of loose meaning does."""

    def __init__(self, sentences):
        super().__init__(str)
        self.sentences = [each.rstrip(".").lower() for each in sentences]

    def embed(self, sentences):
        said = np.array([[each in text.lower() for each in self.sentences] for text in sentences], np.float32)
        return said / np.maximum(np.linalg.norm(said, axis=1, keepdims=True), 1)


def tried_with(embedder, tau=0.5, meaning=KEY):
    run = Run("base.csr", 0, [rollout(RED, RED), rollout(BLUE, BLUE)])
    every = table.settings({"e": (embedder, {table.CALIBRATED: tau})}, section())
    return table.probe([run], every, table.true_reward(section(), meaning), Asked)


def plainly(found):
    return found[table.is_under(found, table.PLAIN)].set_index("probe")


def test_the_plain_formula_pays_for_repetition_and_one_to_one_does_not():
    found = tried_with(TruthEmbedder(KEY))
    gain = found[found["probe"] == "repetition"].set_index(["coverage", "one_to_one"])["advantage"]
    assert gain["none", False] > 0.2
    assert gain["none", True] < 0
    empty = found[found["probe"] == "empty"]
    assert (empty["correct"] == 0).all()


def test_what_an_option_pays_less_is_what_the_probe_earns_less():
    found = tried_with(TruthEmbedder(KEY))
    earned = found.set_index(["coverage", "one_to_one", "probe"])["correct"]
    for row in found.itertuples():
        less = earned["none", False, row.probe] - row.correct
        assert row.less == pytest.approx(less) or (np.isnan(row.less) and (row.coverage, row.one_to_one) == table.PLAIN)


def test_hedging_pays_where_a_sentence_passes_for_either_of_its_alternatives_and_not_elsewhere():
    loose, strict = (plainly(tried_with(each)) for each in (Reader([RED, BLUE]), TruthEmbedder(KEY)))
    assert loose.loc["hedging", ["correct", "advantage"]].tolist() == [1.0, 0.5], "a guess is right every second time"
    assert strict.loc["hedging", ["correct", "advantage"]].tolist() == [0.0, -0.5]
    assert abs(loose.loc["hedging apart", "advantage"]) < 0.05, "one of two sentences is right"


def test_where_everything_is_paid_a_hedge_is_no_better_than_a_guess_and_what_is_wrong_is_paid():
    found = plainly(tried_with(Careless()))
    assert found.loc[["hedging", "hedged wrong"], "advantage"].tolist() == [0.0, 0.0]
    assert (found.loc[list(probes.NOTHING_RIGHT), "correct"] == 1).all()
    assert found.loc[["wrong sentence", "hedged wrong"], "true_correct"].tolist() == [0.0, 0.0]


def test_a_hedge_names_one_right_alternative_and_a_wrong_one_in_turns():
    tasks = [rollout(RED, RED), rollout(BLUE, BLUE), rollout(RED, RED)]
    said = [probes.answers(number, tasks, generic=["It is."], repeats=2, candidates=3) for number in range(3)]
    right_comes_first = []
    for each, (right, wrong) in zip(said, [(RED, BLUE), (BLUE, RED), (RED, BLUE)], strict=True):
        assert {each["wrong sentence"], each["near sentence"]} == {write("", wrong)}
        right_comes_first.append(each["hedging"].index(right[1:-1]) < each["hedging"].index(wrong[1:-1]))
    assert right_comes_first == [False, True, False]


def test_another_wording_of_the_truth_is_no_wrong_sentence():
    told = "The object at the top left is a small red star {} a small blue star."
    tasks = [rollout(RED, told.format(words)) for words in ("instead of", "and not")] + [rollout(BLUE, BLUE)]
    assert KEY(tasks[0].ground_truth[0]) == KEY(tasks[1].ground_truth[0])
    said = probes.answers(0, tasks, generic=["It is."], repeats=2, candidates=3, meaning=KEY)
    assert {said["wrong sentence"], said["near sentence"]} == {write("", BLUE)}


def test_a_task_that_no_other_differs_from_hedges_nothing():
    said = probes.answers(0, [rollout(RED, RED)], generic=["It is."], repeats=2, candidates=3)
    assert said["near sentence"] == said["right sentence"]


def test_without_a_truth_what_needs_it_is_left_out_and_the_rest_is_the_same(tmp_path):
    known, unknown = tried_with(Letters()), tried_with(Letters(), meaning=None)
    assert unknown["true_correct"].isna().all()
    path = tmp_path / "probes.csv"
    unknown.to_csv(path, index=False)
    assert len(table.read_probes(path)) == len(unknown)
    pd.testing.assert_frame_equal(known.drop(columns="true_correct"), unknown.drop(columns="true_correct"))
    run = Run("base.csr", 0, [rollout(RED, RED), rollout(BLUE, RED)])
    every = list(table.settings({"letters": (Letters(), {table.CALIBRATED: 0.9})}, section()))
    assert table.roc([run], {"letters": Letters()}, None).empty
    rows = [table.audit([run], every, truth) for truth in (table.true_reward(section(), KEY), None)]
    needed = ["hit_rate_true", "hit_rate_false", "rank_correlation"]
    assert rows[1][needed].isna().all(axis=None)
    assert rows[0]["hit_rate_true"].notna().all()
    pd.testing.assert_frame_equal(*(each.drop(columns=needed) for each in rows))


def test_areas_of_all_rollouts_are_told_apart_by_their_last_phase():
    said = [rollout(RED, RED), rollout(BLUE, RED)]
    runs = [Run("base.csr", 0, said), Run("base~a.csr.vop", 0, said), Run("base~b.vop", 0, said)]
    found = table.roc_by_phase(runs, {"letters": Letters()}, table.true_reward(section(), KEY))
    assert [(each["source"].tolist(), each["sentences"].tolist()) for each in found] == [
        (["saved csr"], [2]),
        (["saved vop"], [2]),
    ]
    rows = claims.of_agreement(pd.concat(found), 0.95)
    assert [row["claim"] for row in rows] == ["agreement_letters_saved-csr", "agreement_letters_saved-vop"]


def test_every_probe_is_held_to_something_that_is_scored():
    tasks = [rollout(RED, RED), rollout(BLUE, BLUE)]
    said = probes.answers(0, tasks, generic=["It is."], repeats=2, candidates=3)
    assert set(probes.HELD_TO) <= set(said)
    assert set(probes.HELD_TO.values()) <= {*said, probes.OWN, probes.GUESS}


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


def test_a_perfect_area_of_a_few_right_sentences_decides_less_than_one_of_many():
    """Right sentences that all lie above the wrong ones were recorded without any error."""
    areas = pd.DataFrame({"embedder": "e", "source": table.ROLLOUTS, "seed": range(3), "sentences": 21, "auc": 1.0})
    for positives, verdict in ((1, "inconclusive"), (20, "supported")):
        (row,) = claims.of_agreement(areas.assign(error=table.area_error(1.0, positives, 20)), 0.95)
        assert row["verdict"] == verdict
    assert table.area_error(0.8, 400, 400) == pytest.approx(0.0156, abs=1e-4), "Hanley and McNeil's where many differ"


def tried(rng, effect=0.0, runs=400):
    """Probes of `runs` embedders with three seeds of 40 prompts, all of the same advantage."""
    parts = []
    for number in range(runs):
        gains = rng.normal(effect, 0.1, (3, 40))
        part = {"seed": range(3), "correct": gains.mean(axis=1) + 0.2, "advantage": gains.mean(axis=1)}
        part |= {"advantage_error": gains.std(axis=1, ddof=1) / np.sqrt(40)}
        parts.append(pd.DataFrame(part).assign(embedder=f"e{number}"))
    same = {"threshold": table.CALIBRATED, "probe": "empty", "coverage": "none", "one_to_one": False, "tasks": 40}
    same |= {"correct_error": 0.01, "less": np.nan, "less_error": np.nan}
    return pd.concat(parts).assign(lineage="base.csr", **same)


def test_no_advantage_is_called_supported_in_at_most_the_error_rate():
    rows = claims.of_cheating(tried(np.random.default_rng(0)), 0.95)
    assert len(rows) == 400
    called = sum(row["verdict"] == "supported" for row in rows)
    assert called / 400 <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / 400)


def test_an_advantage_is_found():
    rows = claims.of_cheating(tried(np.random.default_rng(1), effect=0.3, runs=20), 0.95)
    assert all(row["verdict"] == "supported" for row in rows)


def cell(
    embedder="e0", threshold=table.CALIBRATED, way=table.PLAIN, probe="hedged wrong", earned=0.0, held=0.0, **less
):
    """What the table has of a probe that all of 14 tasks pay alike, with three seeds."""
    amounts, held = np.full(14, earned), np.full(14, held)
    named = {"embedder": embedder, "threshold": threshold, "lineage": "base.csr", "probe": probe, "tasks": 14}
    named |= {"coverage": way[0], "one_to_one": way[1], "less": np.nan, "less_error": np.nan}
    named |= dict(zip(("correct", "correct_error"), table.paid(amounts), strict=True))
    named |= dict(zip(("advantage", "advantage_error"), table.paid(amounts, held), strict=True))
    return pd.DataFrame([named | less | {"seed": seed} for seed in range(3)])


def verdicts(rows):
    return {row["claim"]: row["verdict"] for row in rows}


def test_what_is_paid_for_nothing_is_claimed_at_the_paper_s_threshold_too():
    """The hedge earns no more than the bare wrong sentence, which earns all: as e5 was recorded at 0.85."""
    found = pd.concat([cell(), cell(threshold="0.85", earned=1.0, held=1.0), cell(threshold="0.75", earned=1.0)])
    assert verdicts(claims.of_nothing_right(found, 0.95)) == {
        "paid_e0_calibrated_hedged-wrong": "inconclusive",
        "paid_e0_0.85_hedged-wrong": "supported",
    }
    rows = claims.of_cheating(found, 0.95)
    assert verdicts(rows) == dict.fromkeys(
        ("hack_e0_calibrated_hedged-wrong", "hack_e0_0.85_hedged-wrong"), "inconclusive"
    )
    assert "with e0 at tau 0.85, the probe 'hedged wrong' earns 1.000 R_correct, +0.000 over" in rows[1]["sentence"]


def test_a_few_tasks_that_are_all_paid_alike_decide_nothing():
    """Fourteen tasks at exactly 0 on both sides were recorded as [0, 0], 'not supported'."""
    nothing = np.zeros(14)
    assert table.paid(nothing, nothing)[1] == pytest.approx(np.sqrt(2 * (2 / 18) * (16 / 18) / 14))
    (row,) = claims.of_cheating(cell(), 0.95)
    assert row["low"] < 0 < row["high"]
    many = np.random.default_rng(0).uniform(0.3, 0.6, 200)
    assert table.paid(many)[1] == pytest.approx(many.std(ddof=1) / np.sqrt(200)), "many differ as they do"


def test_an_option_is_judged_by_what_each_probe_earns():
    """Paying own answers less makes the advantage of a probe that earns nothing larger, and pays it no less."""
    harmonic = ("harmonic", True)
    less = dict(zip(("less", "less_error"), table.paid(np.full(14, 0.9), np.full(14, 0.1)), strict=True))
    none = dict(zip(("less", "less_error"), table.paid(np.zeros(14), np.zeros(14)), strict=True))
    found = pd.concat(
        [
            cell(probe="repetition", earned=0.9), cell(probe="generic", held=0.4),
            cell(probe="repetition", way=harmonic, earned=0.1, **less), cell(probe="generic", way=harmonic, **none),
            cell(probe="empty", way=harmonic, **none), cell("e1", probe="repetition", way=harmonic, **less),
        ]
    )  # fmt: skip
    assert verdicts(claims.of_coverage(found, "e0", 0.95)) == {
        "coverage_harmonic_true_calibrated_repetition": "supported",
        "coverage_harmonic_true_calibrated_generic": "inconclusive",
    }


def test_claims_that_hold_together_are_called_by_chance_in_at_most_the_error_rate():
    """Of many probes that an option pays no less, in few sets is any called paid less."""
    rng, called = np.random.default_rng(4), 0
    names = pd.concat([cell(way=("none", True)).assign(probe=f"p{number}") for number in range(16)])
    for _ in range(100):
        gains = rng.normal(0, 0.1, (len(names), 200))
        found = names.assign(less=gains.mean(axis=1), less_error=gains.std(axis=1, ddof=1) / np.sqrt(200))
        called += "supported" in verdicts(claims.of_coverage(found, "e0", 0.95)).values()
    assert called / 100 <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / 100)


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


def test_it_is_asked_without_a_truth_too():
    scale = load("3b")
    audit = scale.questions["reward_audit"]
    assert not scale.has_truth
    assert scale.training.records.meaning is None
    assert scale.under("shorter").reward.tau == claims.PAPERS
    paths = {scale.under(variant_of(lineage)).reward.embedder.path for lineage in audit.embedders.values()}
    pinned = {scale.under(variant_of(lineage)).models.hub["embedder"] for lineage in audit.embedders.values()}
    assert paths == {cached_folder(scale.models.cache, name) for name in pinned}
    assert len(paths) == 3


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
    assert {"e0, its calibrated tau", "e1, its calibrated tau"} <= set(titles)
    assert "repetition to half right" in figure.caption(rows, 0.95)


def test_the_figure_shows_the_paper_s_threshold_where_it_was_tried():
    probes_ = pd.concat([tried(np.random.default_rng(3), runs=1).assign(threshold=each) for each in claims.JUDGED])
    areas = pd.DataFrame({"embedder": ["e0"], "source": table.ROLLOUTS, "auc": 0.8, "error": 0.01})
    rows = pd.DataFrame([{"setting": "e0", "gain": 1.0, "gain_low": 0.0, "gain_high": 2.0, "seeds": 3, "items": 9}])
    titles = [axes.get_title() for axes in figure.draw(rows, areas, probes_, 0.95).axes]
    assert titles[-2:] == ["e0, its calibrated tau", "e0, tau 0.85"]

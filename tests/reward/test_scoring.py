import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viper.errors import ViperError
from viper.reward.scoring import MAX_SENTENCES

RED = "The color of the circle was changed from red to blue."
STAR = "A star was added."
MOVED = "A ring was moved from the top to the bottom."
WRONG = "A cross was removed."


def wrap(*sentences: str) -> str:
    return f"<think> hm </think> <answer> {' '.join(sentences)} </answer>"


def score(reward, completion, truth):
    return reward.score([completion], [truth])[0]


def test_right_answer_has_the_full_reward(make_reward):
    result = score(make_reward(), wrap(RED, STAR), [STAR, RED])
    assert (result.format, result.correct, result.reward, result.covered) == (1, 1, 1, 1)
    assert [match.truth for match in result.matches] == [RED, STAR]


def test_weights_are_characters(make_reward):
    result = score(make_reward(), wrap(RED, WRONG), [RED, STAR])
    share = len(RED) / (len(RED) + len(WRONG))
    assert result.correct == pytest.approx(share)
    assert result.reward == pytest.approx(0.05 + 0.95 * share)
    assert [match.hit for match in result.matches] == [True, False]
    assert [match.weight for match in result.matches] == pytest.approx([share, 1 - share])


def test_format_and_correctness_are_paid_separately(make_reward):
    assert score(make_reward(), f"<answer>{RED}</answer>", [RED]).reward == pytest.approx(0.95)
    assert score(make_reward(), wrap(WRONG), [RED]).reward == pytest.approx(0.05)
    assert score(make_reward(answer_from="format"), f"<answer>{RED}</answer>", [RED]).reward == 0


@pytest.mark.parametrize("tau", [0.6, 0.8, 0.85])
def test_tau_is_strict(make_reward, tau):
    """A cosine that equals tau is no hit, although 0.85 as a float32 is greater than 0.85."""
    known = {"Near.": [tau, (1 - tau**2) ** 0.5], "Truth.": [1.0, 0.0]}
    assert score(make_reward(tau, known), wrap("Near."), ["Truth."]).correct == 0
    assert score(make_reward(tau - 1e-4, known), wrap("Near."), ["Truth."]).correct == 1


def test_best_match_is_taken(make_reward):
    known = {"Said.": [1.0, 0.0], "Near.": [0.8, 0.6], "Nearer.": [0.96, 0.28]}
    match = score(make_reward(0.85, known), wrap("Said."), ["Near.", "Nearer."]).matches[0]
    assert (match.truth, match.hit, round(match.cosine, 4)) == ("Nearer.", True, 0.96)


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "   ",
        "<think></think><answer></answer>",
        "<answer>",
        None,
        7,
        ["<answer>x</answer>"],
        {"answer": "x"},
        "\ud800",
        RED,
        "<answer>" + RED + "</answer><answer>" + RED + "</answer>",
    ],
)
def test_nothing_to_read_is_worth_nothing(make_reward, completion):
    result = score(make_reward(), completion, [RED])
    assert (result.format, result.correct, result.reward, result.matches) == (0, 0, 0, ())


def test_answer_without_words_is_a_miss(make_reward):
    result = score(make_reward(), wrap("?!…"), [RED])
    assert (result.format, result.correct) == (1, 0)


def test_huge_answer_is_not_even_split(make_reward):
    reward = make_reward()
    result = score(reward, wrap(RED * 20_000), [RED])
    assert (result.format, result.correct, result.matches) == (1, 0, ())
    assert reward.embedder.calls == []


def test_answer_of_too_many_sentences_is_not_embedded(make_reward):
    reward = make_reward()
    assert len(score(reward, wrap(*["Gone."] * MAX_SENTENCES), [RED]).matches) == MAX_SENTENCES
    reward.embedder.calls.clear()
    result = score(reward, wrap(*["Gone."] * (MAX_SENTENCES + 1)), [RED])
    assert (result.format, result.correct, result.matches) == (1, 0, ())
    assert reward.embedder.calls == []


def test_format_of_a_huge_completion_takes_one_look(make_reward):
    for filling in ("<", "<think", " ", "</", "\n", "a <answer"):
        text = f"<think>{filling * 200_000}</think><answer>{filling * 200_000}</answer>"
        assert score(make_reward(), text, [RED]).correct == 0


def test_repetition_and_omission_by_parameter(make_reward):
    """What the plain formula pays for repeating one safe sentence, or leaving two of three out, and how to close it."""
    truth = [RED, STAR, MOVED]
    repeated, one_of_three = wrap(STAR, STAR, STAR), wrap(STAR)
    share = len(STAR) / sum(map(len, truth))
    assert score(make_reward(), repeated, truth).correct == 1
    assert score(make_reward(), one_of_three, truth).correct == 1
    assert score(make_reward(one_to_one=True), repeated, truth).correct == pytest.approx(1 / 3)
    assert score(make_reward(coverage="multiply"), one_of_three, truth).correct == pytest.approx(share)
    assert score(make_reward(coverage="harmonic"), one_of_three, truth).correct == pytest.approx(
        2 * share / (1 + share)
    )
    strict = make_reward(coverage="multiply", one_to_one=True)
    assert score(strict, repeated, truth).correct == pytest.approx(share / 3)
    assert score(strict, wrap(*truth), truth).correct == 1
    # padding a wrong answer with a right sentence helps the plain formula, not this one
    assert (
        score(make_reward(), wrap(STAR, STAR, WRONG), [STAR]).correct
        > score(make_reward(), wrap(STAR, WRONG), [STAR]).correct
    )
    assert score(strict, wrap(STAR, STAR, WRONG), [STAR]).correct < score(strict, wrap(STAR, WRONG), [STAR]).correct


def test_one_to_one_finds_the_best_pairing(make_reward):
    """The first sentence is nearest to a truth that the second needs: it must take its other one."""
    known = {
        "Both.": [1.0, 0.0, 0.0],
        "X.": [0.99, 0.141067, 0.0],
        "Y.": [0.95, 0.0, 0.31225],
        "Only.": [0.99, 0.141067],
    }
    result = score(make_reward(0.945, known, one_to_one=True), wrap("Both.", "Only."), ["X.", "Y."])
    assert result.correct == 1
    assert [match.truth for match in result.matches] == ["Y.", "X."]


def test_one_embedding_call_for_a_batch_each_sentence_once(make_reward):
    reward = make_reward()
    reward.score([wrap(RED, STAR), wrap(RED), wrap(WRONG)], [[RED, STAR], [RED], [STAR]])
    assert len(reward.embedder.calls) == 1
    assert sorted(reward.embedder.calls[0]) == sorted([RED, STAR, WRONG])


def test_empty_batch(make_reward):
    assert make_reward().score([], []) == []


@pytest.mark.parametrize("truth", [[], [""], ["  "], RED, [None], [RED, ""]])
def test_bad_ground_truth_is_named(make_reward, truth):
    with pytest.raises(ViperError, match="completion 1"):
        make_reward().score([wrap(RED)] * 2, [[RED], truth])


def test_lengths_must_agree(make_reward):
    with pytest.raises(ViperError, match="2 completions but 1"):
        make_reward().score([wrap(RED)] * 2, [[RED]])


@pytest.mark.parametrize("tau", [1.0, -0.1, float("nan")])
def test_impossible_tau(make_reward, tau):
    from viper.reward.scoring import Reward

    section = make_reward().section
    with pytest.raises(ViperError, match="tau"):
        Reward(None, section, tau)


def test_scores_are_plain_json(make_reward):
    record = json.loads(json.dumps(asdict(score(make_reward(), wrap(RED, WRONG), [RED]))))
    assert list(record["matches"][0]) == ["text", "truth", "cosine", "hit", "weight"]


# --- properties -------------------------------------------------------------------------------------------------

_WORDS = ["circle", "star", "ring", "moved", "added", "gone", "large", "small", "red", "blue"]
_words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=6)
_sentence = _words.map(lambda words: " ".join(words).capitalize() + ".")
_sentences = st.lists(_sentence, min_size=1, max_size=5)
_settings = st.fixed_dictionaries(
    {"coverage": st.sampled_from(["none", "multiply", "harmonic"]), "one_to_one": st.booleans()}
)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=120) | _sentences.map(lambda s: wrap(*s)), _sentences, _settings)
def test_every_part_lies_between_0_and_1(make_reward, completion, truth, changes):
    result = score(make_reward(**changes), completion, truth)
    for value in (result.format, result.correct, result.reward, result.covered):
        assert 0 <= value <= 1
    if result.matches:
        assert sum(match.weight for match in result.matches) == pytest.approx(1)
        assert all(match.hit <= (match.cosine > 0.85) for match in result.matches)


@settings(max_examples=80, deadline=None)
@given(_sentences, _sentences, _settings, st.randoms())
def test_order_of_ground_truth_does_not_matter(make_reward, answer, truth, changes, random):
    shuffled = random.sample(truth, len(truth))
    reward = make_reward(**changes)
    first, second = reward.score([wrap(*answer)] * 2, [truth, shuffled])
    assert first.reward == pytest.approx(second.reward)


@settings(max_examples=80, deadline=None)
@given(_sentences, _sentences, _settings)
def test_adding_a_wrong_sentence_lowers_or_keeps(make_reward, answer, truth, changes):
    reward = make_reward(**changes)
    before, after = reward.score([wrap(*answer), wrap(*answer, "Zebra quagga okapi.")], [truth, truth])
    assert after.correct <= before.correct + 1e-9
    assert after.correct < before.correct or before.correct == 0


@settings(max_examples=80, deadline=None)
@given(_sentences, _settings)
def test_saying_exactly_the_truth_is_worth_everything(make_reward, truth, changes):
    distinct = list(dict.fromkeys(truth))
    assert score(make_reward(**changes), wrap(*distinct), truth).reward == pytest.approx(1)


@settings(max_examples=80, deadline=None)
@given(_sentences, _sentences, st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_higher_tau_never_pays_more(make_reward, answer, truth, low, high):
    low, high = sorted((low, high))
    assert (
        score(make_reward(high), wrap(*answer), truth).correct <= score(make_reward(low), wrap(*answer), truth).correct
    )


@settings(max_examples=50, deadline=None)
@given(_sentences, _sentences)
def test_coverage_and_pairing_never_pay_more_than_the_plain_formula(make_reward, answer, truth):
    plain = score(make_reward(), wrap(*answer), truth).correct
    assert score(make_reward(one_to_one=True), wrap(*answer), truth).correct <= plain
    assert score(make_reward(coverage="multiply"), wrap(*answer), truth).correct <= plain


def test_batch_and_single_agree(make_reward):
    completions, truths = [wrap(RED), wrap(WRONG, STAR), ""], [[RED], [STAR], [RED]]
    reward = make_reward()
    single = [score(reward, *pair) for pair in zip(completions, truths, strict=True)]
    assert np.allclose([s.reward for s in reward.score(completions, truths)], [s.reward for s in single])

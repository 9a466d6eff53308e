import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viper.reward.sentences import find_answer, is_well_formed, normalize, split_sentences
from viper.world.grammar import statement
from viper.world.operations import sample_operations
from viper.world.scene import sample_scene


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith has 3.5 apples, e.g. red ones. The U.S. flag is here.",
            ["Dr. Smith has 3.5 apples, e.g. red ones.", "The U.S. flag is here."],
        ),
        ("1. A star was added.\n2. The size is 2.5 cm.", ["A star was added.", "The size is 2.5 cm."]),
        ("1. A star was added. 2. The moon is gone.", ["A star was added.", "The moon is gone."]),
        ("(1) The cat moved. (2) The dog left.", ["The cat moved.", "The dog left."]),
        ("- one thing\n* another thing\n• a third", ["one thing", "another thing", "a third"]),
        ("a) the left one\nb) the right one", ["the left one", "the right one"]),
        ("It became letter K. The star is gone.", ["It became letter K.", "The star is gone."]),
        ("It became digit 4. 2. The star is gone.", ["It became digit 4.", "The star is gone."]),
        ("J. K. Rowling wrote it. It is long.", ["J. K. Rowling wrote it.", "It is long."]),
        ("The star is gone . A ring was added .", ["The star is gone .", "A ring was added ."]),
        ("No full stop at the end", ["No full stop at the end"]),
        ("4.", ["4."]),
        ("!!!", ["!!!"]),
        ("", []),
        (" \n\t ", []),
        ("\u200b\u200b", []),
    ],
)
def test_sentences_with_known_answers(text, sentences):
    assert split_sentences(text) == sentences


def test_every_statement_of_the_world_is_one_sentence():
    rng = np.random.default_rng(0)
    for _ in range(100):
        statements = [statement(operation) for operation in sample_operations(rng, sample_scene(rng), 3)]
        assert split_sentences(" ".join(statements)) == statements


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aZé.!?♬&∯<>“”\"'; \n…:,", max_size=60))
def test_no_visible_character_is_lost(text):
    # pysbd alone drops text around some of these symbols
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_split_into_normal_sentences(text):
    for sentence in split_sentences(text):
        assert sentence
        assert sentence == " ".join(sentence.split())


def test_normalize_drops_what_would_only_add_length():
    assert normalize("2.  The star\n is\u200b gone. ") == "The star is gone."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think> a </think><answer> b </answer>", True),
        (" \n<think></think>\n<answer>b\nc</answer> ", True),
        ("<think>a</think><answer> </answer>", False),
        ("<answer>b</answer><think>a</think>", False),
        ("<answer>b</answer>", False),
        ("<think>a</think> so <answer>b</answer>", False),
        ("<think>a</think><answer>b</answer>.", False),
        ("<think>a<think>a</think></think><answer>b</answer>", False),
        ("<think>a</think><answer>b</answer><answer>b</answer>", False),
        ("<think>a</think><answer>b", False),
        ("<think>a<answer>b</answer></think>", False),
        ("", False),
    ],
)
def test_format(text, expected):
    assert is_well_formed(text) is expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("no tags <answer>b</answer> at all", "b"),
        ("<answer>b</answer><answer>c</answer>", None),
        ("</answer>b<answer>", None),
        ("<answer>b", None),
        ("b", None),
    ],
)
def test_answer_is_the_one_element(text, answer):
    assert find_answer(text) == answer

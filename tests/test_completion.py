"""The format of completions: every reader on what is written, on what is cut off, and on any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper import completion

PIECES = st.lists(st.sampled_from([*completion.TAGS, "a", " ", "\n", "B.", "think", "<", ">"]), max_size=12).map(
    "".join
)
PLAIN = st.text(alphabet="ab .\n", max_size=12)


@given(PLAIN, PLAIN.filter(str.strip))
def test_all_readers_read_what_is_written(reasoning, answer):
    text = completion.write(reasoning, answer)
    assert completion.is_well_formed(text)
    assert completion.answer_text(text) == completion.final_text(text) == answer.strip()
    assert completion.find_answer(text) == text[slice(*completion.answer_span(text))] == f" {answer} "
    assert completion.reasoning(text) == reasoning.strip()


@given(PLAIN, PLAIN, PLAIN)
def test_other_reasoning_leaves_the_answer(before, after, answer):
    assert completion.with_reasoning(completion.write(before, answer), after) == completion.write(after, answer)


@given(PIECES)
def test_readers_agree_on_any_text(text):
    if completion.is_well_formed(text):
        assert completion.answer_text(text) == completion.find_answer(text).strip() == completion.final_text(text) != ""
    else:
        assert completion.answer_text(text) == ""
    assert (completion.answer_span(text) is None) == ("<answer>" not in text)


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
    assert completion.is_well_formed(text) is expected


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
    assert completion.find_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think> Look. </think><answer> A red circle. </answer>", "A red circle."),
        ("<think>a</think>\n\n<answer>\nA.\nB.\n</answer>\n", "A.\nB."),
        ("<answer> A red circle. </answer>", ""),
        ("A red circle.", ""),
        ("<think> Look. </think><answer> A red", ""),
        ("<think> Look. </think><answer>  </answer>", ""),
        ("<think>a</think><answer>A.</answer><answer>B.</answer>", ""),
        ("", ""),
    ],
)
def test_answer_text(text, expected):
    assert completion.answer_text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think> Look closely. </think><answer> red </answer>", "Look closely."),
        ("<think>Cut off in the", "Cut off in the"),
        ("<answer> red </answer>", ""),
        ("<think>a</think> b <think>c</think>", "a c"),
    ],
)
def test_reasoning(text, expected):
    assert completion.reasoning(text) == expected

"""What is read from completions."""

import pytest

from microworld import grammar
from viper.synthesis.answers import NOTHING_TO_CHANGE, answer_text, read_refinements


@pytest.mark.parametrize(
    ("completion", "expected"),
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
def test_answer_text(completion, expected):
    assert answer_text(completion) == expected


def test_refinements_are_sentences_each_once():
    answer = "The caption misses a small red letter K at the top left. The sky is 2.5 m wide. The sky is 2.5 m wide."
    assert read_refinements(answer) == [
        "The caption misses a small red letter K at the top left.",
        "The sky is 2.5 m wide.",
    ]


def test_nothing_to_change_is_no_refinement():
    assert NOTHING_TO_CHANGE == grammar.NOTHING_TO_REFINE
    assert read_refinements("Nothing needs to change.") == read_refinements("Nothing needs to change") == []
    assert read_refinements("") == []

"""What is read from a critique."""

from microworld import grammar
from viper.synthesis.refinements import NOTHING_TO_CHANGE, read_refinements


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

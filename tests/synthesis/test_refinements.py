"""What is read from a critique."""

from hypothesis import given
from hypothesis import strategies as st

from microworld import grammar
from viper.synthesis.refinements import NOTHING_TO_CHANGE, agreed, read_refinements


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


ANSWERS = st.lists(st.lists(st.sampled_from(["A", "a", "B", "b", "C"]), max_size=4), min_size=1, max_size=5)


@given(ANSWERS, st.integers(1, 5))
def test_what_is_agreed_was_said_by_enough_and_by_each_once(answers, least):
    kept = agreed(answers, str.lower, least)
    said = [sentence for answer in answers for sentence in answer]
    assert set(kept) <= set(said)
    if len(answers) == 1:
        assert kept == answers[0]
        return
    votes = {key: sum(key in map(str.lower, answer) for answer in answers) for key in "abc"}
    assert sorted(map(str.lower, kept)) == [key for key in "abc" if votes[key] >= least]
    assert kept == sorted(kept, key=said.index)

"""From completions to answers."""

import pytest

from viper.evaluation.answers import NO_ANSWER, choice_letter, final_answer, reduce


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("<think> a </think><answer> B </answer>", "B"),
        ("<think> a </think>\n<answer>B</answer> trailing", "B"),
        ("<answer>A</answer> no, <answer>C</answer>", "C"),
        ("<think> a </think> B", "B"),
        ("reasoning without its tag </think> B", "B"),
        ("B", "B"),
        ("<think> a </think><answer> B", "B"),
        ("<think> cut off", NO_ANSWER),
        ("<think> a </think><answer> </answer>", NO_ANSWER),
        ("", NO_ANSWER),
    ],
)
def test_final_answer(completion, expected):
    assert final_answer(completion) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("B. red", "B"),
        ("B because there is A circle", "B"),
        ("Based on the image, C", "C"),
        ("The answer is (D).", "D"),
        ("A circle", None),
        ("A because it is red", "A"),
        ("A. circle", "A"),
        ("Blue", None),
        ("B or C", None),
        ("red", None),
    ],
)
def test_choice_letter(answer, expected):
    assert choice_letter(answer) == expected


def test_an_answer_is_reduced_to_what_its_benchmark_asks_for():
    assert reduce("<think> There is no ring. </think><answer> Yes, no ring is there. </answer>", "yes/no") == "Yes"
    assert reduce("<answer> A dog </answer>", "text") == "A dog"
    assert reduce("<answer> B: because of A </answer>", "choice") == "B: because of A"  # it names two letters

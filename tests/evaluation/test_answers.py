"""From completions to answers: the rules of `viper.evaluation.answers`, form by form, and on any text at all."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answer_forms import CHOICE, NOTHING, OPTIONS, TEXT, YES_NO
from viper.completion import final_text
from viper.evaluation.answers import (
    NO_ANSWER,
    NO_TEXT,
    UNREADABLE,
    Reading,
    options_in,
    read,
    read_choice,
    read_text,
    read_yes_or_no,
)

KINDS = ("choice", "letter", "yes/no", "text")


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
    assert (final_text(completion) or NO_ANSWER) == expected


def test_the_tables_are_long_enough():
    assert min(map(len, (CHOICE, YES_NO, TEXT))) >= 60


@pytest.mark.parametrize(("form", "expected"), CHOICE.items())
def test_forms_of_multiple_choice(form, expected):
    assert read_choice(form, OPTIONS) == Reading(*expected)


@pytest.mark.parametrize(("form", "expected"), CHOICE.items())
def test_where_letters_alone_are_asked_for_texts_do_not_count(form, expected):
    letter, how = expected
    found = read_choice(form, OPTIONS, letters_only=True)
    if how == "text" or form in ("red cat or blue dog", "not the blue dog"):
        assert found == Reading(NO_ANSWER, "none")
    else:
        assert found == Reading(letter, how)


@pytest.mark.parametrize(("form", "expected"), YES_NO.items())
def test_forms_of_yes_and_no(form, expected):
    assert read_yes_or_no(form) == Reading(*expected)


@pytest.mark.parametrize(("form", "expected"), TEXT.items())
def test_forms_of_short_answers(form, expected):
    assert expected[0] != NOTHING or NOTHING == NO_TEXT
    assert read_text(form) == Reading(*expected)


@pytest.mark.parametrize(
    ("answer", "options", "expected"),
    [
        # an option's own text goes before the letters that stand in it
        ("vitamin C", {"A": "vitamin C", "B": "vitamin D", "C": "vitamin A"}, "A"),
        ("It is vitamin C.", {"A": "vitamin C", "B": "vitamin D", "C": "vitamin A"}, "A"),
        ("Both A and B", {"A": "one", "B": "two", "C": "Both A and B"}, "C"),
        ("C. Both A and B", {"A": "one", "B": "two", "C": "Both A and B"}, "C"),
        ("small letter K", {"A": "small letter K", "B": "small letter X"}, "A"),
        # letters as options' texts: the letter of an option comes first, other letters are texts
        ("B", {"A": "B", "B": "A"}, "B"),
        ("K", {"A": "K", "B": "X"}, "A"),
        ("b", {"A": "B", "B": "A"}, None),
        # texts within texts, and numbers
        ("ten", {"A": "one", "B": "ten", "C": "often"}, "B"),
        ("10", {"A": "1", "B": "10", "C": "100"}, "B"),
        ("It is 10.", {"A": "1", "B": "10", "C": "100"}, "B"),
        ("3.0", {"A": "3", "B": "30"}, None),
        ("-5", {"A": "5", "B": "-5"}, "B"),
        ("5²", {"A": "52", "B": "5²"}, "B"),
        ("−5", {"A": "5", "B": "-5"}, "B"),
        ("-5", {"A": "5", "B": "−5"}, "B"),
        ("It is −5.", {"A": "5", "B": "-5", "C": "none of these"}, "B"),
        ("It is 2.5 m", {"A": "2.5", "B": "5 m", "C": "none of these"}, "A"),
        ("It is between 2 and 3", {"A": "2", "B": "3", "C": "a number beyond these"}, None),
        ("B\nred cat", OPTIONS, None),
        ("2*3", {"A": "23", "B": "2*3"}, "B"),
        # what pandas would take for missing is text like any other
        ("None", {"A": "None", "B": "one"}, "A"),
        ("N/A", {"A": "N/A", "B": "one"}, "A"),
        ("nan", {"A": "1.0", "B": "NaN"}, "B"),
        ("no row", {"A": "the top row", "B": "no row"}, "B"),
        ("None of them", {"A": "None of them", "B": "All of them"}, "A"),
        # two options of one text
        ("red", {"A": "red", "B": "Red"}, None),
        ("B. red", {"A": "red", "B": "Red"}, "B"),
        # five options, the pronoun, and options that are not there
        ("E", dict.fromkeys("ABCDE", "x"), "E"),
        ("I think it is B", {letter: f"thing {letter}" for letter in "ABCDEFGHI"}, "B"),
        ("I", {letter: f"thing {letter}" for letter in "ABCDEFGHI"}, "I"),
        ("C", {"A": "x", "B": "y"}, None),
        ("B", {}, None),
    ],
)
def test_options_that_look_like_letters_numbers_or_each_other(answer, options, expected):
    assert read_choice(answer, options).answer == (expected or NO_ANSWER)


def test_an_option_that_stands_far_from_the_answer_is_not_searched_for():
    assert read_choice("red cat " + "and so on " * 20, OPTIONS).how == "none"


@pytest.mark.parametrize(
    ("completion", "kind", "expected"),
    [
        ("<think> There is no ring. </think><answer> Yes, no ring is there. </answer>", "yes/no", ("Yes", "word")),
        ("<answer> A dog </answer>", "text", ("A dog", "exact")),
        ("<answer> B: or A </answer>", "choice", (NO_ANSWER, "ambiguous")),  # it names two letters
        ("<answer> B: because of A </answer>", "choice", ("B", "letter")),
        ("<think> A or B? </think><answer>**B**</answer>", "choice", ("B", "letter")),
        ("<think> A or B? </think>", "choice", (NO_ANSWER, "none")),
        ("<think> cut off", "text", (NO_TEXT, "none")),
        ("<think> a", "yes/no", (NO_ANSWER, "none")),
        ("<answer> Z </answer>", "text", ("Z", "exact")),
    ],
)
def test_a_completion_is_read_as_its_question_wants(completion, kind, expected):
    assert read(completion, kind, OPTIONS) == Reading(*expected)


def test_options_of_a_question_that_has_them_in_its_text():
    question = "What is above?\nA. red ring\n(B) a B. plan\n C) 3.5\nD: x\nAnswer with the option's letter directly."
    assert options_in(question) == {"A": "red ring", "B": "a B. plan", "C": "3.5", "D": "x"}
    assert list(options_in("no options")) == list("ABCD")


NOT_TWO = ("-2", "−2", "–2", "+2", "2.5", "2,5", ".2", "0.2", "-2.5", "2.0", "1/2", "2/3", "2 1/2", "2:30", "2-3",
    "2–3", "2,000", "1,002", "12", "2e5", "x2", "2²", "minus 2", "negative 2", "22")  # fmt: skip


@pytest.mark.parametrize("number", NOT_TWO)
@pytest.mark.parametrize(
    "form", ["{}", "{}.", "**{}**", "It is {}.", "Answer: {}", "({})", "The answer is {} because", "$ {}"]
)
def test_a_number_is_the_whole_number(form, number):
    options = {"A": "2", "B": "7", "D": "no number at all"}  # long enough for texts to be searched
    assert read_choice(form.format(number), options).answer == NO_ANSWER
    assert read_choice(form.format("2"), options).answer == "A"
    assert read_choice(form.format(number), {**options, "C": number}).answer == "C"


@given(st.decimals(-999, 999, places=1) | st.integers(-999, 999), st.sampled_from(["{}", "It is {}.", "Answer: {} m"]))
def test_no_other_number_is_read_as_an_option(number, form):
    found = read_choice(form.format(number), {"A": "2", "B": "-7", "C": "0.5", "D": "no number at all"})
    assert found.answer == {"2": "A", "-7": "B", "0.5": "C"}.get(str(number), NO_ANSWER)


DRESSED = st.sampled_from(["{}", "({})", "**{}**", "{}.", "Option {}", r"\boxed{{{}}}", "Answer: {}", "答案：{}",
    "{}\n", "{{'answer': '{}'}}", '```json\n{{"answer": "{}"}}\n```', "Réponse : {}", "The answer is {}."])  # fmt: skip
AFTER = st.sampled_from(["", "\n\nExplanation: {} is wrong", " because {} is red", "\nExplanation: not {}", ", not {}"])


@given(DRESSED, AFTER, st.permutations("ABCD"))
def test_an_answer_is_the_same_however_it_is_dressed_and_explained(dress, after, letters):
    right, wrong, *_ = letters
    said = dress.format(right)
    behind = after.format(wrong)
    assert read_choice(said + (behind if "{" not in said or "boxed" in said else ""), OPTIONS).answer == right
    assert read_choice(f"not {wrong}, but {right}{behind}", OPTIONS).answer == right
    assert read_choice(dress.format(f"{right} or {wrong}"), OPTIONS).answer == NO_ANSWER


@given(st.text(max_size=300), st.sampled_from(KINDS))
def test_any_text_is_read_without_an_error(text, kind):
    found = read(text, kind, OPTIONS)
    assert found.answer
    if kind in ("choice", "letter"):
        assert found.answer in {*OPTIONS, NO_ANSWER}
        assert (found.answer == NO_ANSWER) == (found.how in UNREADABLE)


WORDS = ["A", "B", "C", "or", "and", "not", "blue dog", "red cat", "answer:", "the answer is", "because", "(", ")",
    "**",
         ".", "\n", "yes", "no", "<answer>", "</answer>", "option", "is", "a", "n't"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_two_letters_are_never_read_as_one_without_a_conclusion(text):
    letters = {word for word in text.split() if word in ("B", "C")}
    if len(letters) > 1 and not any(word in text for word in ("answer", "option", "because", "not", "n't", "\n")):
        assert read_choice(text, OPTIONS).how in ("ambiguous", "none")


@pytest.mark.parametrize(
    "piece",
    [*WORDS, "A or ", "answer: ", "red cat B ", "*", "**B ", "(b) ", "\\text{", "$ ", "\n", "\t", "</b>", '"', "-",
        "\0",
     "answer is ", "it isn't ", "\\boxed{", "“", "İ", "答案", "选 ", "B\n",
     "neither A ", "{'answer': 'B', ", '"answer": "', "```json ", "2 ", "-2", "because ", "B is wrong ",
     "final answer: ", "'B' "],
)  # fmt: skip
def test_a_long_answer_takes_little_time(piece):
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    for kind in KINDS:
        read(text, kind, OPTIONS)
    assert time.process_time() - start < 20  # a guard against hanging: it takes a fraction of a second

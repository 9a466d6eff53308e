import signal
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pysbd.lang.english import English
from pysbd.processor import Processor

from microworld.grammar import statement
from microworld.operations import sample_operations
from microworld.scene import sample_scene
from viper.completion import find_answer, is_well_formed
from viper.reward import sentences
from viper.reward.sentences import _BoundedEnglish, normalize, split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_sentences_with_known_answers(text, expected):
    assert split_sentences(text) == expected


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


# --- bounded work ----------------------------------------------------------------------------------------------------

_SYMBOLS = "[](){}<>\"'“”‘’«».,;:!?-–—…\\/ \n\taAiIvxS19。！（「∯ȸ♨☝é&\ud800\u200b"
_TROUBLE = [*_SYMBOLS, "no.", "U.S.", "a)", "1. ", "[1, 2]"]


@contextmanager
def within(seconds: int):
    """Fail instead of hanging: what this guards takes a fraction of it."""

    def stop(*_) -> None:
        raise TimeoutError(f"not done within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "text",
    [
        "The cat.[12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12]",
        "..[111 111 111 111 111 111 111 111 111 111 111 111 111 111 111 111]",
        "[" * 100_000,
        "(." * 50_000,
        "i) ii) " * 10_000,
        "9. 0. " * 15_000,
        "!?" * 50_000 + ".",
        "no. " * 25_000,
        "a\n" * 50_000,
        "x" * 1_000_000,
    ],
    ids=lambda text: f"{text[:12]!r}×{len(text)}",
)
def test_no_text_hangs(text):
    with within(60):
        assert "".join("".join(split_sentences(text)).split()).count("[") == text.count("[")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(_TROUBLE) | st.characters(), max_size=4).map("".join),
    st.lists(st.sampled_from(_TROUBLE) | st.characters(), min_size=1, max_size=8).map("".join),
    st.integers(1, 4_000),
)
def test_no_repetition_hangs(before, unit, times):
    text = f"<think>{unit}</think><answer>{before}{unit * times}.</answer>"[:20_000]
    with within(60):
        is_well_formed(text)
        split_sentences(find_answer(text) or text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(_TROUBLE), min_size=1, max_size=6).map("".join), st.integers(1, 30_000))
def test_pysbd_sees_little_at_a_time_and_everything_at_most_twice(unit, times):
    seen = []

    class Watched(sentences.Processor):
        def __init__(self, text, language):
            seen.append(text)
            super().__init__(text, language)

    text = (unit * times)[:60_000]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences, "Processor", Watched)
        split_sentences(text)
    assert max(map(len, seen), default=0) <= 10_000
    assert sum(map(len, seen)) <= 2 * len(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["The cat.", "[1, 2]", "[12]", "[1-3, 4]", "[1 2]", "3 4", " A", " b", "\n", "!!!", "?!?", "1"]
        ),
        max_size=12,
    ).map("".join)
)
@example("The cat.[1, 2] A")
@example("The cat.[1, 2 - 3][4,5] A")
def test_the_bounded_patterns_split_as_pysbd_does(text):
    assert Processor(text, _BoundedEnglish).process() == Processor(text, English).process()


def test_a_long_text_is_split_as_its_parts_are():
    rng = np.random.default_rng(1)
    statements = [
        statement(operation) for _ in range(300) for operation in sample_operations(rng, sample_scene(rng), 2)
    ]
    assert len(" ".join(statements)) > 20_000
    for text in (" ".join(statements), "\n".join(f"{number}. {said}" for number, said in enumerate(statements, 1))):
        assert split_sentences(text) == statements

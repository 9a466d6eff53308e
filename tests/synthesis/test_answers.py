"""Answers that keep to no format: read as far as they can be, asked for once more, counted by how they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted_loop import small_section
from viper import completion
from viper.config.synthesis import Answering, Answers
from viper.models.base import Chat
from viper.synthesis.answers import ask, failure_of, read
from viper.synthesis.rows import row_seed

ANY = Answers(accept="any", again={"temperature": 0.7, "begin": "<answer>"})
FORMAT = Answers(accept="format")
SENTENCES = st.lists(st.sampled_from(["A mug is blue.", "Is it?", "It says “HI!”"]), min_size=1, max_size=4).map(
    " ".join
)
PIECES = st.lists(st.sampled_from([*completion.TAGS, "a", " ", "\n", "B.", "so:"]), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("said", "text", "form"),
    [
        ("<think>Hm.</think><answer>A mug.</answer>", "A mug.", "as asked"),
        ("A mug is blue. A dog sits.", "A mug is blue. A dog sits.", "no tags"),
        ("Here is the description:\n\nA mug is blue.", "A mug is blue.", "no tags"),
        ("**Description:**\nA mug is blue.", "A mug is blue.", "no tags"),
        ("A mug is blue. A dog sits on the", "A mug is blue.", "no tags"),
        ("mug | blue | small\ndog | bro", "mug | blue | small", "no tags"),
        ("<think>Hm.</think> A mug is blue.", "A mug is blue.", "no <answer>"),
        ("<think>Hm.</think><answer>A mug is blue. A dog", "A mug is blue.", "an answer that is not closed"),
        ("<answer>A mug", "", "an answer that is not closed"),
        ("<answer>a mug</answer>", "a mug", "other tags"),
        ("<think>Hm. Let me see.", "", "reasoning that is not closed"),
        ("  ", "", "blank"),
        ("<think>Hm.</think><answer> </answer>", "", "other tags"),
    ],
)
def test_what_is_there_is_read(said, text, form):
    assert (completion.statement_text(said), completion.form(said)) == (text, form)


@given(PIECES)
def test_an_answer_of_the_format_is_read_alike(said):
    if completion.is_well_formed(said):
        assert read(said, ANY) == read(said, FORMAT) == completion.answer_text(said) != ""
    assert (completion.form(said) == "as asked") == completion.is_well_formed(said)
    assert not any(tag in read(said, ANY) for tag in completion.TAGS)


@given(SENTENCES, st.sampled_from(["", "<think>Hm.</think>", "<think>Hm.</think><answer>", "<answer>"]), st.data())
def test_wherever_it_is_cut_off_no_half_sentence_is_stated(text, before, data):
    """Whatever stands there is a beginning of the whole, and ends as a sentence of it does."""
    cut = text[: data.draw(st.integers(0, len(text)))]
    stated = completion.statement_text(before + cut)
    assert cut.strip().startswith(stated)
    assert not stated or stated[-1] in ".?!”"


class Scripted:
    """Says of each chat what is written for it, the first time and again."""

    def __init__(self, *turns):
        self.turns, self.calls = list(turns), []

    def answer(self, chats, *, max_new_tokens, temperature=0.0, seeds=()):
        self.calls.append(([chat.begin for chat in chats], temperature, list(seeds)))
        said = self.turns.pop(0)
        return [f"{chat.begin}{said[chat.text]}" for chat in chats]


def asked(vlm, answers, rows="abc"):
    rows = [{"id": name} for name in rows]
    chats = [Chat([], row["id"]) for row in rows]
    return ask(vlm, chats, Answering(max_new_tokens=8), answers, seed=3, step="caption", rows=rows)


def test_only_what_cannot_be_read_is_asked_again_once_with_a_seed_that_can_be_told():
    vlm = Scripted({"a": "A mug.", "b": "<think>Hm.", "c": "<think>"}, {"b": "A dog.</answer>", "c": ""})
    found = asked(vlm, ANY)
    assert [answer.text for answer in found] == ["A mug.", "A dog.", ""]
    assert [answer.asking for answer in found] == ["", " again", " again"]
    assert vlm.calls[1] == (
        ["<answer>"] * 2,
        0.7,
        [row_seed(3, "caption again", "b"), row_seed(3, "caption again", "c")],
    )
    assert [failure_of(answer, ANY) for answer in found] == ["", "", "unreadable (an answer that is not closed)"]


def test_the_format_alone_counts_where_the_scale_wants_it():
    vlm = Scripted({"a": "A mug.", "b": "<think>Hm.</think><answer>A dog.</answer>", "c": ""})
    found = asked(vlm, FORMAT)
    assert [failure_of(answer, FORMAT) for answer in found] == ["broken format", "", "broken format"]
    assert vlm.calls == [([""] * 3, 0.0, [row_seed(3, "caption", name) for name in "abc"])], "asked once"


def test_every_answer_can_be_made_to_begin():
    vlm = Scripted({"a": " Hm.</think><answer>A mug.</answer>"})
    (answer,) = asked(vlm, Answers(accept="any", begin="<think>"), rows="a")
    assert (answer.text, answer.completion) == ("A mug.", "<think> Hm.</think><answer>A mug.</answer>")


@pytest.mark.parametrize("broken", ["caption", "critique", "refine", "entities"])
def test_no_step_loses_a_row_to_missing_tags(run_loop, fakes, album, broken):
    """A model that leaves out the tags in one step gives the data that it gives with them."""
    _, expected = run_loop()
    _, tables = run_loop(vlm=fakes.VLM(album, broken=broken), section=small_section(answers={"accept": "any"}))
    for step in ("captions", "critiques", "refinements", "operations", "edits"):
        leave_out = ("completion", "entities_completion")
        assert [without(row, leave_out) for row in tables[step]] == [without(row, leave_out) for row in expected[step]]


def without(row, names):
    return {name: value for name, value in row.items() if name not in names}


def test_a_row_says_that_it_was_asked_again(run_loop, fakes, album):
    class Silent(fakes.VLM):
        """Says nothing of a picture the first time."""

        def answer(self, chats, **options):
            said = super().answer(chats, **options)
            return said if options["temperature"] else [""] * len(said)

    again = {"temperature": 1.0}
    section = small_section(answers={"accept": "format", "again": again})
    _, tables = run_loop(vlm=Silent(album), section=section)
    assert {row["prompt_name"] for row in tables["captions"]} == {"micro/caption again"}
    assert {row["prompt_name"] for row in tables["refinements"]} == {"micro/refine again, micro/entities again"}
    assert {row["failure"] for row in tables["refinements"]} == {""}

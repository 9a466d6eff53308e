"""Whole evaluations with models whose answers are known; and each trap in VLMEvalKit's scoring."""

import json
from zlib import crc32

import numpy as np
import pandas as pd
import pytest

from microworld.adapters.benchmarks import draw_groups, table
from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.benchmarks import said_answer
from microworld.benchmarks.benchmark import Question
from scripted import Scripted, asking, every, right
from viper import completion
from viper.analysis import bootstrap
from viper.errors import ViperError
from viper.evaluation.run import COLUMNS, evaluate
from viper.evaluation.vlmevalkit import build, import_vlmeval
from viper.files import write_table


def spoken(question: Question) -> str:
    return completion.write(question.thought, said_answer(question))


def wrong(question: Question) -> str:
    other = {"Yes": "No", "No": "Yes", "A": "B"}.get(question.answer, "A")
    return completion.write(question.thought, other)


@pytest.fixture(autouse=True, scope="module")
def vlmeval():
    """VLMEvalKit's modules can be imported."""
    import_vlmeval()


def half(question):
    """Right about half of the time, decided by the question and its place in its group."""
    return right(question) if crc32(f"{question.thought}{question.slot}".encode()) % 2 else wrong(question)


@pytest.fixture(scope="module")
def half_right(questions, files):
    return evaluate(Scripted(every(questions), half), list(files.values()), asking())


def test_right_answers_score_100_and_wrong_ones_0(questions, files):
    # One after the other in one process: nothing of the first run may be used again by the second.
    for reply, expected in ((right, 100), (wrong, 0), (right, 100)):
        results = evaluate(Scripted(every(questions), reply), list(files.values()), asking())
        assert {name: result.score for name, result in results.items()} == dict.fromkeys(MICRO, expected)


@pytest.mark.parametrize("name", ["MicroStar", "MicroWorldQA", "MicroBlink", "MicroMantis", "MicroCRPE"])
def test_an_option_that_is_said_counts_as_its_letter(name, tmp_path):
    groups = draw_groups(name, 6, 96, "train")
    path = tmp_path / f"{name}.tsv"
    table(groups).to_csv(path, sep="\t", index=False)
    asked = [question for group in groups for question in group]
    assert any(said_answer(question) != question.answer for question in asked)
    assert evaluate(Scripted(asked, spoken), [path], asking())[name].score == 100


def test_another_option_that_is_said_never_counts_in_crpe(tmp_path):
    groups = draw_groups("MicroCRPE", 6, 96, "train")
    path = tmp_path / "MicroCRPE.tsv"
    table(groups).to_csv(path, sep="\t", index=False)
    asked = [question for group in groups for question in group]

    def wrong(question):
        return next(text for letter, text in question.options.items() if letter != question.answer)

    assert evaluate(Scripted(asked, wrong), [path], asking())["MicroCRPE"].score == 0


def test_kept_items_say_what_vlmevalkit_says(half_right, questions):
    mixed = 0
    for name, result in half_right.items():
        items = result.items
        assert list(items.columns) == COLUMNS
        assert set(items["hit"]) <= {0, 1}
        expected = [half(question) == right(question) for question in questions[name]]
        mixed += len(set(expected)) == 2
        if name == "MicroCRPE":
            expected = np.reshape(expected, (-1, 4)).all(axis=1)
            assert all(len(json.loads(text)) == 4 for text in items["prediction"])
        assert items["hit"].astype(bool).tolist() == list(expected)
        if name != "MicroHallusion":
            assert result.score == pytest.approx(100 * items["hit"].mean())
        if name == "MicroStar":
            for category, part in items.groupby("category"):
                assert result.figures[category] == [pytest.approx(part["hit"].mean())]
        json.dumps(result.figures)
    assert mixed >= 4  # the test would be empty if all were right or all wrong


def test_hallusion_scores_can_be_recomputed_from_the_items(half_right):
    result = half_right["MicroHallusion"]
    parts = result.items["index"].str.split("_", expand=True)
    unit = parts[1] + parts[3]
    keys = {"aAcc": result.items["index"], "fAcc": unit + "f" + parts[4], "qAcc": unit + "q" + parts[5]}
    scores = {name: 100 * result.items["hit"].groupby(key).min().mean() for name, key in keys.items()}
    row = result.figures["split"].index("Overall")
    assert scores == pytest.approx({name: result.figures[name][row] for name in keys})
    assert result.score == pytest.approx(np.mean(list(scores.values())))
    # The analysis resamples whole sets; without resampling it must give the same figure.
    hits = result.items["hit"].to_numpy(dtype=float)[None, None]
    benchmark = bootstrap.hallusion("HallusionBench", result.items, hits)
    assert benchmark is not None


def test_raw_completions_are_kept(half_right, questions):
    assert half_right["MicroBlink"].items["prediction"].tolist() == [half(q) for q in questions["MicroBlink"]]


def test_batches_ahead_give_what_single_questions_give(questions, files):
    from viper.evaluation.model import Checkpoint

    for name in ("MicroMantis", "MicroHallusion"):
        dataset = build(name, files[name].parent)
        messages = [dataset.build_prompt(dataset.data.iloc[number]) for number in range(len(dataset))]
        vlm = Scripted(questions[name], half)
        ahead = Checkpoint(vlm, asking(batch_ahead=3))
        alone = Checkpoint(Scripted(questions[name], half), asking())
        raw = ahead.answer_ahead(dataset)
        assert raw == [half(question) for question in questions[name]]
        asked = list(vlm.batches)
        assert asked == [3, 3, 2]
        assert [ahead.generate(m, name) for m in messages] == [alone.generate(m, name) for m in messages]
        assert vlm.batches == asked  # looked up, not asked again


def test_the_instruction_is_added_to_every_prompt(questions, files):
    from viper.evaluation.model import Checkpoint

    class Echo:
        def answer(self, chats, **_):
            return [chat.text for chat in chats]

    dataset = build("MicroStar", files["MicroStar"].parent)
    texts = Checkpoint(Echo(), asking(instruction="\nThink.")).answer_ahead(dataset)
    assert all(text.endswith("\nThink.") for text in texts)


def test_what_an_answer_begins_with_is_handed_on(questions, files):
    from viper.evaluation.model import Checkpoint

    class Echo:
        def answer(self, chats, **_):
            return [chat.begin for chat in chats]

    dataset = build("MicroStar", files["MicroStar"].parent)
    assert set(Checkpoint(Echo(), asking(begin="<think> Look")).answer_ahead(dataset)) == {"<think> Look"}


def test_an_unreadable_completion_is_a_miss_everywhere(questions, files):
    for reply in ("", "<think> it never ends", "<answer></answer>"):
        results = evaluate(Scripted(every(questions), lambda _, reply=reply: reply), list(files.values()), asking())
        assert {result.items["hit"].sum() for result in results.values()} == {0}, reply


# --- traps: VLMEvalKit misreads the first text, and reads what it is handed instead of it -----------------------------


def score(name, files, tmp_path, predictions):
    """VLMEvalKit's own figures for given predictions, without anything of ours between."""
    dataset = build(name, files[name].parent)
    data = dataset.data.drop(columns="image")
    data["prediction"] = predictions
    path = tmp_path / f"trap_{name}.tsv"
    data.to_csv(path, sep="\t", index=False)
    figures = dataset.evaluate(str(path), model="exact_matching", nproc=1)
    assert [p.name for p in tmp_path.glob("*openai*")] == []
    return figures


def trap(name, questions, files, tmp_path, reply):
    """(VLMEvalKit's figure for the raw text, ours), in percent, where every question is answered by `reply`."""
    raw = score(name, files, tmp_path, [reply(question) for question in questions[name]])
    ours = evaluate(Scripted(questions[name], reply), [files[name]], asking())[name].score
    if isinstance(raw, dict):
        return 100 * raw.get("Overall", raw.get("total")), ours
    return (100 * raw["Overall"][0] if "Overall" in raw else raw["aAcc"][0]), ours


def test_trap_tags_hide_a_choice(questions, files, tmp_path):
    tagged = trap("MicroStar", questions, files, tmp_path, lambda q: f"<answer>{q.answer}</answer>")
    assert tagged == (0, 100)


def test_trap_an_article_is_taken_for_option_a(questions, files, tmp_path):
    raw, ours = trap("MicroBlink", questions, files, tmp_path, lambda q: f"{q.answer} because there is A circle")
    assert raw < 100
    assert ours == 100


def test_trap_real_world_takes_the_first_capital(questions, files, tmp_path):
    raw, ours = trap("MicroHighRes", questions, files, tmp_path, lambda q: f"Based on the image, {q.answer}")
    assert raw < 100
    assert ours == 100


def test_trap_real_world_counts_an_empty_answer_as_a(questions):
    from vlmeval.dataset.utils.multiple_choice import extract_characters_regex

    from viper.evaluation.answers import read

    assert extract_characters_regex("") == "A"
    assert extract_characters_regex(read("", "letter", dict.fromkeys("ABCDE", "")).answer) == ""


def test_trap_crpe_accepts_almost_anything_for_a_bare_letter():
    from vlmeval.dataset.utils.crpe import is_correct

    from viper.evaluation.answers import read

    assert is_correct("B", "surely something else")  # hence the truth "B. text" in our files
    assert not is_correct("B. red ring", "surely something else")
    with pytest.raises(IndexError):
        is_correct("B. red ring", "")
    assert not is_correct("B. red ring", read("", "choice", {"B": "red ring"}).answer)


def test_trap_no_in_the_reasoning_spoils_a_yes(questions, files, tmp_path):
    raw, ours = trap(
        "MicroHallusion",
        questions,
        files,
        tmp_path,
        lambda q: completion.write("There is no ring, yes.", q.answer),
    )
    assert raw == 0
    assert ours == 100


def test_trap_an_option_none_vanishes(files, tmp_path):
    from vlmeval.dataset.image_mcq import ImageMCQDataset

    data = pd.read_csv(files["MicroStar"], sep="\t", dtype=object)
    data["B"] = "None"
    data.to_csv(tmp_path / "MicroStar.tsv", sep="\t", index=False)
    ours = build("MicroStar", tmp_path)  # makes the folder VLMEvalKit's as well
    theirs = ImageMCQDataset("MicroStar")
    prompts = [dataset.build_prompt(dataset.data.iloc[0])[-1]["value"] for dataset in (theirs, ours)]
    assert ["B. None\n" in prompt for prompt in prompts] == [False, True]


class Counting:
    """Answers every chat with what it is made to begin with and a fixed end; counts what it is asked."""

    def __init__(self):
        self.asked = 0

    def answer(self, chats, **_):
        self.asked += len(chats)
        return [f"{chat.begin or '<think> No.'} </think><answer> B </answer>" for chat in chats]


@pytest.mark.parametrize("name", ["MicroStar", "MicroHallusion", "MicroCRPE"])
def test_what_begins_of_itself_as_it_is_made_to_is_not_asked_again(name, files, tmp_path):
    look, path = "<think> Look closely.", files[name]
    alone = {begin: evaluate(Counting(), [path], asking(begin=begin))[name].items for begin in ("", look)}
    for begin, all_again in (("", True), (look, False)):
        own = tmp_path / f"{name}{all_again}.tsv"
        write_table(own, alone[begin])
        vlm = Counting()
        found = evaluate(vlm, [path], asking(begin=look), own=[own])[name].items
        pd.testing.assert_frame_equal(found, alone[look])
        assert (vlm.asked > 0) == all_again


def test_an_answer_that_was_cut_off_is_asked_again(files, tmp_path):
    look, own = "<think> Look closely.", tmp_path / "own.tsv"
    items = evaluate(Counting(), [files["MicroStar"]], asking(begin=look))["MicroStar"].items
    items.loc[1, "prediction"] = f"{look} </think><answer> B"
    write_table(own, items)
    vlm = Counting()
    evaluate(vlm, [files["MicroStar"]], asking(begin=look), own=[own])
    assert vlm.asked == 1


def test_answers_to_other_items_are_refused(files, tmp_path):
    own = tmp_path / "own.tsv"
    items = evaluate(Counting(), [files["MicroStar"]], asking())["MicroStar"].items
    for others in (items.iloc[1:], items.iloc[::-1]):
        write_table(own, others)
        with pytest.raises(ViperError, match=r"own\.tsv: holds the answers to other items"):
            evaluate(Counting(), [files["MicroStar"]], asking(begin="<think>"), own=[own])


@pytest.mark.parametrize("cell", ["[", "3", "[1]", '{"a": 1}', "<think> Look"])
def test_answers_of_several_turns_that_are_no_list_are_refused(cell, files, tmp_path):
    own = tmp_path / "own.tsv"
    items = evaluate(Counting(), [files["MicroCRPE"]], asking())["MicroCRPE"].items
    write_table(own, items.assign(prediction=cell))
    with pytest.raises(ViperError, match=r"own\.tsv: a prediction is no list of texts"):
        evaluate(Counting(), [files["MicroCRPE"]], asking(begin="<think>"), own=[own])

"""An evaluation that was ended goes on from the answers it has, to the same bytes, and never from other ones."""

import hashlib
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import asking
from viper.evaluation.kept_answers import KeptAnswers
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.files import write_table


@pytest.fixture(autouse=True, scope="module")
def vlmeval():
    """VLMEvalKit's modules can be imported."""
    import_vlmeval()


class EndedError(Exception):
    """What ends an evaluation here."""


class Model:
    """Answers by the text of the question; is ended at its `last` batch."""

    def __init__(self, last=None):
        self.asked, self.last = [], last

    def answer(self, chats, **_):
        if self.last is not None and len(self.asked) == self.last:
            raise EndedError
        self.asked.append([chat.text for chat in chats])
        return [f"{chat.begin}<think> é\ud800 </think><answer> {self.letter(chat.text)} </answer>" for chat in chats]

    @staticmethod
    def letter(text):
        return "AB"[hashlib.sha256(text.encode()).digest()[0] % 2]


def written(results, folder):
    for name, result in results.items():
        write_table(folder / f"{name}.tsv", result.items)
    return {name: (folder / f"{name}.tsv").read_bytes() for name in results}


NAMES = ("MicroStar", "MicroCRPE", "MicroBlink")  # 8 rows each, asked 3 at a time: 3 batches


@pytest.mark.parametrize("last", range(9))
def test_whenever_it_is_ended_it_goes_on_to_the_same_bytes(last, files, tmp_path):
    paths, settings = [files[name] for name in NAMES], asking(batch_ahead=3)
    whole = Model()
    expected = written(evaluate(whole, paths, settings), tmp_path / "whole")
    first, second = Model(last), Model()
    with pytest.raises(EndedError):
        evaluate(first, paths, settings, work=tmp_path / "work", about="x")
    found = written(evaluate(second, paths, settings, work=tmp_path / "work", about="x"), tmp_path / "again")
    assert found == expected
    assert first.asked + second.asked == whole.asked, "nothing twice, in the same batches"


@pytest.mark.parametrize("other", ["model", "questions", "own"])
def test_answers_to_anything_else_are_asked_anew(other, files, tmp_path):
    def ask(about="x", begin="", **options):
        model = Model()
        evaluate(model, [table], asking(begin=begin), work=tmp_path / "work", about=about, **options)
        return sum(map(len, model.asked))

    table = tmp_path / "MicroStar.tsv"
    table.write_bytes(files["MicroStar"].read_bytes())
    assert ask() == 8
    assert ask() == 0
    if other == "model":
        assert ask(about="y") == 8
    if other == "questions":
        table.write_bytes(table.read_bytes().replace(b"Which", b"What"))
        assert ask() == 8
    if other == "own":
        own = evaluate(Model(), [table], asking())["MicroStar"].items
        write_table(tmp_path / "own.tsv", own)
        assert ask(own=[tmp_path / "own.tsv"], begin="<think> Look") == 8


LINES = st.lists(st.tuples(st.integers(0, 99), st.text(max_size=12)), max_size=8)


@given(LINES, st.integers(0, 400), st.binary(max_size=20))
def test_a_file_that_was_cut_off_anywhere_keeps_what_is_whole(tmp_path_factory, answers, cut, rubbish):
    path = tmp_path_factory.mktemp("kept") / "B.jsonl"
    KeptAnswers(path, "é").add(answers)
    content = path.read_bytes()
    path.write_bytes(content[:cut] + rubbish)
    again = KeptAnswers(path, "é")
    whole = content[:cut].count(b"\n") - 1 if cut < len(content) else len(answers)
    expected = dict(answers[: max(whole, 0)])
    assert {number: again.found.get(number) for number in expected} == expected
    again.add([(100, "more")])
    assert KeptAnswers(path, "é").found == again.found


JOB = """
import sys, time
from pathlib import Path
from viper.config.evaluation import Asking
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.files import write_table
import_vlmeval()

class Slow:
    batches = 0

    def answer(self, chats, **_):
        self.batches += 1
        if self.batches > 1:
            time.sleep(float(sys.argv[3]))
        print("batch", flush=True)
        return ["<answer> A </answer>"] * len(chats)

table, folder = map(Path, sys.argv[1:3])
found = evaluate(Slow(), [table], Asking(max_new_tokens=8, batch_ahead=2), work=folder / "work", about="job")
write_table(folder / "answers.tsv", found[table.stem].items)
"""


@pytest.mark.slow
def test_a_killed_job_loses_one_batch_at_most(files, tmp_path):
    class Same:
        def answer(self, chats, **_):
            return ["<answer> A </answer>"] * len(chats)

    def start(seconds):
        arguments = [sys.executable, "-c", JOB, str(files["MicroStar"]), str(tmp_path), str(seconds)]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    killed, kept = start(60), tmp_path / "work/MicroStar.jsonl"
    while not kept.is_file() or kept.read_bytes().count(b"\n") < 3:  # its head, and the two answers of the first batch
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert start(0).communicate()[0].count("batch") == 3, "of four"
    undisturbed = evaluate(Same(), [files["MicroStar"]], asking(batch_ahead=2))
    (expected,) = written(undisturbed, tmp_path / "undisturbed").values()
    assert (tmp_path / "answers.tsv").read_bytes() == expected

"""Fingerprints that are kept from one start to the next are those of the code as it is."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viper.errors import ViperError
from viper.workflow import source
from viper.workflow.kept import keeping

SETS = frozenset({"micro"})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a module and a data file, whose fingerprints are counted as they are read."""
    (tmp_path / "toy/below").mkdir(parents=True)
    (tmp_path / "toy/module.py").write_text("NUMBER = 1\n")
    (tmp_path / "toy/below/words.csv").write_text("a,b\n")
    monkeypatch.setattr(source, "SOURCE", tmp_path)
    monkeypatch.setattr(source, "PACKAGES", ("toy",))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    package = tmp_path / "toy"

    def read(command, sets=None):
        if command == "none":
            raise ViperError("no such command")
        read.times += 1
        return f"{command}:{len(sets or ())} {(package / 'module.py').read_text()}"

    read.times = 0
    monkeypatch.setattr(source, "fingerprint", read)
    return package, read


def ask(*asked):
    with keeping() as fingerprint:
        return [fingerprint(*each) for each in asked]


ASKED = (("train", None), ("train", SETS), ("train", frozenset()), ("evaluate", None))


def test_what_was_read_once_is_not_read_again(package):
    _, read = package
    first = ask(*ASKED)
    assert (len(set(first)), read.times) == (3, 4)  # no sets and an empty set are two questions
    assert ask(*ASKED) == first
    assert read.times == 4
    ask(*ASKED, ("other", None))
    assert read.times == 5
    assert ask(*ASKED) == first
    assert read.times == 5


@pytest.mark.parametrize(
    "edit",
    [
        lambda folder: (folder / "module.py").write_text("NUMBER = 2\n"),
        lambda folder: (folder / "below/words.csv").write_text("a,c\n"),
        lambda folder: (folder / "new.jinja").write_text(""),
        lambda folder: (folder / "module.py").rename(folder / "moved.py"),
        lambda folder: (folder / "below/words.csv").unlink(),
    ],
)
def test_every_edit_has_all_read_again(package, monkeypatch, edit):
    folder, read = package
    monkeypatch.setattr(source, "fingerprint", lambda *asked: read(*asked) if (folder / "module.py").exists() else "")
    ask(*ASKED)
    monkeypatch.setattr(source, "fingerprint", lambda command, sets: "read anew")
    edit(folder)
    assert ask(*ASKED) == ["read anew"] * len(ASKED)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=50),
        st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(lambda v: json.dumps(v).encode()),
        st.sampled_from([None, [], 1, "a", {"train": {}}]).map(
            lambda v: json.dumps({"state": "another", "fingerprints": v}).encode()
        ),
    )
)
def test_a_damaged_file_is_as_none(package, damage):
    folder, _ = package
    kept = folder / "__pycache__/fingerprints.json"
    kept.unlink(missing_ok=True)
    first = ask(*ASKED)
    kept.write_bytes(damage)
    assert ask(*ASKED) == first
    assert set(json.loads(kept.read_text())) == {"state", "fingerprints"}


def test_nothing_is_kept_where_python_keeps_nothing(package, monkeypatch):
    folder, _ = package
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    ask(*ASKED)
    assert not (folder / "__pycache__").exists()


def test_where_it_cannot_be_written_the_answer_is_the_same(package):
    folder, _ = package
    first = ask(*ASKED)
    kept = folder / "__pycache__/fingerprints.json"
    kept.unlink()
    kept.mkdir()  # refuses a file in its place, also to the superuser
    (kept / "full").touch()
    assert ask(*ASKED) == first


def test_an_unknown_command_is_refused_and_the_file_left_as_it_was(package):
    folder, _ = package
    ask(*ASKED)
    before = (folder / "__pycache__/fingerprints.json").read_bytes()
    with pytest.raises(ViperError, match="no such command"):
        ask(("other", None), ("none", None))
    assert (folder / "__pycache__/fingerprints.json").read_bytes() == before


TOLD = "from viper.workflow.kept import keeping\nwith keeping() as f: print([f(c, None) for c in ('train', 'tables')])"


def test_kept_answers_are_those_that_are_read():
    """With the real package, in a process of its own, where nothing is remembered."""
    told = subprocess.run([sys.executable, "-c", TOLD], check=True, capture_output=True, text=True).stdout.strip()
    assert told == str([source.fingerprint(command) for command in ("train", "tables")])

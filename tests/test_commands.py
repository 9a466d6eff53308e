"""Commands write to no file that they were given to read."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.main import get_command

from repository import ROOT
from viper.commands import build, is_written, keep_apart
from viper.errors import ViperError

COMMANDS = get_command(build()).commands
# Of rules alone; the words of their help are a part of what their results depend on, or shared with who reads the same.
OTHERWISE = {("tables", "main-page"), ("tables", "subdomains-page")} | {
    ("assemble-datasets", name) for name in ("csr", "vop", "held-out", "dropped")
}


def written_by_rules():
    """Command and option of every output that a rule hands to one."""
    for path in (ROOT / "rules").rglob("*.smk"):
        text = re.sub(r'"\s*\n\s*"', "", path.read_text())
        for called in re.finditer(r"-m viper ([\w-]+)([^\n]*)", text):
            for option in re.finditer(r"--([\w-]+) \{output", called[2]):
                yield called[1], option[1]


FOUND = sorted(set(written_by_rules()) - OTHERWISE)


def test_rules_hand_outputs_to_many_commands():
    assert len(FOUND) > 100
    assert set(written_by_rules()) >= OTHERWISE


@pytest.mark.parametrize(("command", "option"), FOUND)
def test_what_a_rule_writes_is_known_to_be_written(command, option):
    (param,) = (param for param in COMMANDS[command].params if f"--{option}" in param.opts)
    assert is_written(param), 'its help says "to write"'


def param(name, text="", kind="option"):
    return SimpleNamespace(name=name, opts=[f"--{name}"], help=text, param_type_name=kind)


OUTPUT, TABLE, SOURCES = param("output"), param("table", "CSV to write"), param("sources", "CSV", "argument")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"output": "a", "sources": ["b", "a"]}, "a: would be overwritten: it is what SOURCES names, and --output"),
        ({"output": "x/../a", "sources": ["a"]}, "would be overwritten"),
        ({"output": "link", "sources": ["a"]}, "would be overwritten"),
        ({"output": "new", "table": "new"}, "new: is to be written twice, as --output and --table"),
        ({"table": "a", "sources": ["a"]}, "--table"),
    ],
)
def test_a_place_has_one_use(tmp_path, monkeypatch, values, words):
    monkeypatch.chdir(tmp_path)
    Path("a").touch()
    Path("x").mkdir()
    Path("link").symlink_to("a")
    given = {name: [*map(Path, each)] if isinstance(each, list) else Path(each) for name, each in values.items()}
    with pytest.raises(ViperError) as refused:
        keep_apart([OUTPUT, TABLE, SOURCES], given)
    assert words in str(refused.value)


def test_other_places_are_nobodys_business():
    both = {"output": Path("a"), "table": Path("b"), "sources": [Path("c"), Path("c")], "other": 3}
    keep_apart([OUTPUT, TABLE, SOURCES], both)
    keep_apart([OUTPUT, TABLE, SOURCES], {"output": None, "sources": None})

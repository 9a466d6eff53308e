"""What `make lint` looks at is clean: the style of Python, and of the files of rules."""

import ast
import re
import subprocess

import pytest

from repository import ROOT, command, environment

LINES = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1)
COMMANDS = [part.split() for line in LINES.splitlines() for part in line.split("&&")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_lint_is_clean(words):
    ended = subprocess.run(command(*words), cwd=ROOT, env=environment(ROOT), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def is_set(node):
    """Whether an expression is a set at sight."""
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name("set" | "frozenset")):
            return True
        case ast.Call(func=ast.Attribute(attr="union" | "intersection" | "difference")):
            return True
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.Sub()):
            return is_set(node.left) or is_set(node.right)
    return False


def in_turn(node):
    """The expressions whose elements a node takes in their order."""
    match node:
        case ast.For():
            return [node.iter]
        case ast.ListComp() | ast.DictComp():
            return [part.iter for part in node.generators]
        case ast.Call(func=ast.Name("list" | "tuple" | "enumerate"), args=[first, *_]):
            return [first]
    return []


@pytest.mark.parametrize("text", ["for x in set(a) & b: f(x)", "[x for x in {1, 2}]", "list(a.keys() - set(b))"])
def test_a_set_that_is_gone_through_is_seen(text):
    assert any(is_set(each) for node in ast.walk(ast.parse(text)) for each in in_turn(node))


@pytest.mark.parametrize("text", ["for x in sorted(set(a)): f(x)", "{x for x in {1, 2}}", "[x for x in a if x in {1}]"])
def test_a_set_whose_order_does_not_matter_is_not(text):
    assert not any(is_set(each) for node in ast.walk(ast.parse(text)) for each in in_turn(node))


def test_nothing_goes_through_a_set_as_it_comes():
    """The order of texts in a set differs from process to process, and so would files that are written in it."""
    found = [
        f"{path.relative_to(ROOT)}:{each.lineno}: {ast.unparse(each)}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for each in in_turn(node)
        if is_set(each)
    ]
    assert found == [], "put sorted() around each"

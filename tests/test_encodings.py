"""Text is UTF-8 wherever it is read or written, not what the user's machine has set."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def calls_without_encoding(text):
    """Lines of calls that would read or write text in the machine's encoding."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _is_text(node) and not any(key.arg == "encoding" for key in node.keywords):
            yield node.lineno


def _is_text(call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = getattr(getattr(call.func, "value", None), "id", "")
    keywords = {key.arg: getattr(key.value, "value", None) for key in call.keywords}
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) == 1
    if name in {"run", "Popen", "check_output"} and owner == "subprocess":
        return bool(keywords.get("text") or keywords.get("universal_newlines"))
    if name in {"NamedTemporaryFile", "TemporaryFile", "fdopen"}:
        return "b" not in _mode(call, keywords, 0 if name != "fdopen" else 1, "w+b" if name != "fdopen" else "r")
    if name != "open" or owner in {"Image", "Pillow", "os", "webbrowser", "zipfile", "tarfile", "gzip"}:
        return False
    return "b" not in _mode(call, keywords, 1 if isinstance(call.func, ast.Name) else 0, "r")


def _mode(call, keywords, place, default):
    given = call.args[place].value if len(call.args) > place and isinstance(call.args[place], ast.Constant) else default
    return keywords.get("mode") or str(given)


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("open('x')", True),
        ("open('x', 'w')", True),
        ("open('x', mode='ab')", False),
        ("Path('x').open('a', newline='')", True),
        ("Path('x').open('rb')", False),
        ("path.read_text()", True),
        ("path.read_text(errors='replace')", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text, encoding='utf-8')", False),
        ("path.write_text(text)", True),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command, capture_output=True)", False),
        ("Image.open(path)", False),
    ],
)
def test_the_walk_finds_what_it_looks_for(line, is_found):
    assert bool(list(calls_without_encoding(line))) == is_found


def test_every_text_has_a_named_encoding():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in SOURCES
        for line in calls_without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert not found, "name the encoding: " + ", ".join(found)

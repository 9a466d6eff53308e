"""A broken or hostile file of parameters is one message with file and line; nothing in it is executed."""

import contextlib
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.config.yaml_file import parse_yaml, read_yaml
from viper.errors import ViperError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip(string.ascii_lowercase, string.ascii_lowercase[1:12], strict=False)
)
BROKEN = {
    "a key twice": ("a: 1\nb: {c: 1,\n  c: 2}\n", r"line 3: the key 'c' stands in line 2 too"),
    "a bracket left open": ("a: 1\nb: [\n", r"line \d, column \d+: not valid YAML"),
    "a tab": ("a:\n\tb: 1\n", "line 2, column 1: not valid YAML: .*spaces, not tabs"),
    "yte": ("a: 1\n__use_yte__: true\n", "line 2: __use_yte__ is refused"),
    "yte in a section": ("a: {__use_yte__: false}", "line 1: __use_yte__ is refused"),
    "a tag": ("a: !!python/object/apply:os.system [ls]\n", "line 1: the tag .*os.system is not read"),
    "a tag of one's own": ("a: !mine 3\n", "the tag !mine is not read"),
    "a binary tag": ("a: !!binary aGk=\n", "the tag .*binary is not read"),
    "a merge key": ("a: &a {b: 1}\nc:\n  <<: *a\n", "line 3: the merge key << is not read: write `extends"),
    "a number as a key": ("a: 1\n1: 2\n", "line 2: the key '1' is no text"),
    "null as a key": ("~: 2\n", "line 1: the key '~' is no text"),
    "true as a key": ("true: 2\n", "line 1: the key 'true' is no text"),
    "a list as a key": ("? [a, b]\n: 1\n", "line 1: a key of several parts is no text"),
    "aliases of aliases": (BOMB, r"more than 100,000 values"),
    "an alias of nothing": ("a: *b\n", "line 1"),
    "very deep": ("[" * 20_000, "line 1"),
    "very deep and closed": ("a: " + "[" * 500 + "]" * 500, "nested more than 32 levels"),
    "empty": ("", "found nothing"),
    "a comment": ("# nothing\n", "found nothing"),
    "a list": ("- a\n", "found a list"),
    "a word": ("word\n", "found a single value"),
    "two documents": ("a: 1\n---\nb: 1\n", "line 2: a second document begins"),
    "a control character": ("a: 1\nb: \x01\n", "not valid YAML"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_one_message(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ViperError, match=message) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\xfe\n", "line 2: not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1: not UTF-8"),
        (b"\0\1\2", "YAML"),
    ],
)
def test_what_is_no_text_is_one_message(tmp_path, content, message):
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ViperError, match=message):
        read_yaml(tmp_path / "params.yaml")


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ViperError, match="is a folder"):
        read_yaml(tmp_path)
    with pytest.raises(ViperError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-05", 1e-05),
        ("1.0e-6", 1e-6),
        ("5", 5),
        ("-3", -3),
        ("0o10", 8),
        ("0x10", 16),
        ("010", 10),
        (".5", 0.5),
        ("true", True),
        ("on", "on"),
        ("no", "no"),
        ("null", None),
        ("~", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("3b", "3b"),
        ("1:30", "1:30"),
        ("'5'", "5"),
        ('"null"', "null"),
        ("1_000", "1_000"),
        (".inf", math.inf),
    ],
)
def test_words_mean_what_they_mean_to_dvc(text, value):
    from dvc.utils.serialize import loads_yaml

    found = parse_yaml(f"a: {text}", "here")["a"]
    assert (found, type(found)) == (value, type(value))
    if text not in ("2024-01-01", "1_000"):
        assert loads_yaml(f"a: {text}")["a"] == found


# Not control characters and other ends of lines: what DVC writes of those, no reader of YAML gives back.
TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=9)
PLAIN = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS
NAMES = st.text("abc", min_size=1)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)))
def test_what_dvc_writes_is_read(value):
    from dvc.utils.serialize import dumps_yaml

    assert parse_yaml(dumps_yaml({"a": value}), "here") == {"a": value}


@given(st.text("ab:-[]{}&*!%#|>'\"?,\t\n 01~<", max_size=60) | st.text(max_size=40))
def test_any_text_is_a_value_or_one_message(text):
    with contextlib.suppress(ViperError):  # any other exception fails
        parse_yaml(text, "here")

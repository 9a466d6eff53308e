"""YAML as data: a reader that knows where each key stands, and runs, builds and expands nothing.

PyYAML parses; what a plain word means follows YAML 1.2, as in DVC, which writes the same files: `1e-05` is a number,
`on`, `no` and `2024-01-01` are text. Tags, merge keys (`<<`) and `__use_yte__`, which makes other readers execute
expressions, are refused by name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from viper.errors import ViperError

DEEPEST = 32  # levels; parameters have seven
MOST_VALUES = 100_000  # counting what an alias stands for each time; all files have 700
MOST_BYTES = 4_000_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where PyYAML was built with it
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"(?:[-+]?[0-9]{1,400}|0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400})$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML (or JSON) file of keys.

    Raises:
        ViperError: it cannot be read, is no UTF-8 text, no YAML, has a key twice, a key that is no text, a tag, a merge
            key or `__use_yte__`, or is far too deep or large: the line, and how to mend it.
    """
    path = Path(path)
    if path.is_dir():
        raise ViperError(f"{path}: is a folder: a YAML file is wanted there")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ViperError(f"{path}: cannot be read ({reason}): run from the repository's root") from error
    if len(content) > MOST_BYTES:
        raise ViperError(f"{path}: larger than {MOST_BYTES:,} bytes: far too large for parameters")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ViperError(f"{path}, line {line}: not UTF-8 text: save the file as UTF-8") from error
    values = parse_yaml(text, str(path))
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {'list' if isinstance(values, list) else 'single value'}"
        raise ViperError(f"{path}: must hold keys with values, found {found}")
    return values


def parse_yaml(text: str, source: str) -> Any:
    """The value that one YAML document holds: dictionaries, lists, text, numbers, true, false and null.

    Args:
        source: what the text is called in messages.

    Raises:
        ViperError: see `read_yaml`.
    """
    return _Builder(text, source).document()


def scalar(text: str) -> Any:
    """What a plain word of YAML 1.2 means."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    if _INT.match(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if _FLOAT.match(text) or _NOT_FINITE.match(text):
        return float(text.replace(".", "", 1) if _NOT_FINITE.match(text) else text)
    return text


class _Builder:
    """Builds values from PyYAML's events, in which nothing has been given a meaning yet."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.events = self._events(text)
        self.anchors: dict[str, tuple[Any, int]] = {}  # name → value, and how many values it holds
        self.count = 0

    def document(self) -> Any:
        next(self.events)  # the stream starts
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self.events), depth=1)
        next(self.events)  # the document ends
        if isinstance(more := next(self.events), yaml.DocumentStartEvent):
            raise self._error(more, "a second document begins: keep one, without '---' between")
        return value

    def _events(self, text: str) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            problem = " ".join(filter(None, (error.context, error.problem)))
            tab = ": indent with spaces, not tabs" if mark and _has_tab(text, mark.line) else ""
            raise ViperError(f"{self.source}{place}: not valid YAML: {problem}{tab}") from error
        except (yaml.YAMLError, UnicodeError) as error:
            problem = str(error).strip().splitlines()[0]
            if isinstance(error, yaml.reader.ReaderError):
                line = text.count("\n", 0, error.position) + 1
                problem = f"line {line}: {error.reason} (character {error.character!r}): remove it"
            raise ViperError(f"{self.source}: not valid YAML: {problem}") from error

    def _error(self, event: yaml.Event, problem: str) -> ViperError:
        return ViperError(f"{self.source}, line {event.start_mark.line + 1}: {problem}")

    def _value(self, event: yaml.Event, depth: int) -> Any:
        if depth > DEEPEST:
            raise self._error(event, f"nested more than {DEEPEST} levels deep: no parameter is")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self._error(event, f"*{event.anchor} stands for nothing: there is no &{event.anchor} before it")
            value, held = self.anchors[event.anchor]
            self._add(held, event)
            return value
        if event.tag not in (None, ""):
            raise self._error(event, f"the tag {event.tag} is not read: parameters are plain data; remove it")
        before = self.count
        self._add(1, event)
        if isinstance(event, yaml.ScalarEvent):
            value = scalar(event.value) if event.implicit[0] and event.style in (None, "") else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                value.append(self._value(item, depth + 1))
        else:
            value = self._mapping(depth)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.count - before)
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            if key == "<<" or event.tag:
                raise self._error(event, "the merge key << is not read: write `extends: NAME` (scales/micro.yaml)")
            if key == "__use_yte__":
                raise self._error(event, "__use_yte__ is refused: parameters are data, no expressions; remove the key")
            if not isinstance(key, str):
                kind = "a key of several parts" if isinstance(key, dict | list) else f"the key {event.value!r}"
                raise self._error(event, f"{kind} is no text: put a name there, in quotes if it looks like a number")
            if key in values:
                raise self._error(event, f"the key {key!r} stands in line {lines[key]} too: keep one of them")
            lines[key] = event.start_mark.line + 1
            values[key] = self._value(next(self.events), depth + 1)
        return values

    def _add(self, number: int, event: yaml.Event) -> None:
        self.count += number
        if self.count > MOST_VALUES:
            raise self._error(event, f"more than {MOST_VALUES:,} values, aliases (*) counted each time: use fewer")


def _has_tab(text: str, line: int) -> bool:
    lines = text.splitlines()
    return line < len(lines) and "\t" in lines[line][: len(lines[line]) - len(lines[line].lstrip())]

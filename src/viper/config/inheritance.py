"""Sections that take over another's values, by `extends: NAME`.

NAME is a neighbour of the section (`csr` beside `vop`; beside scales/smoke.yaml: `micro`, and `params` for params.yaml;
in a list, the number of another item, from 0), or a full key (`scales.micro.images`). What a section says itself comes
first, then what it extends, to any depth: sections are merged key by key, while a list or a single value (null too)
replaces the whole. A neighbour is looked up where the section ends up: `smoke` takes over `vop: {extends: csr}` from
`micro`, and its `vop` follows smoke's `csr`, not micro's. `extends: null` extends nothing. An empty section
over a filled one is refused: it would change nothing.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from viper.config.base import LARGEST
from viper.errors import ViperError

EXTENDS = "extends"
DEEPEST = 64
MOST_VALUES = 100_000
EMPTY = "an empty section changes nothing of what it extends or overrides: leave it out, or set single keys to null"

Place = tuple[str | int, ...]  # keys, and numbers of list items
Layer = tuple[Place, Any]  # where something is written, and what stands there


def dotted(place: Place) -> str:
    """The keys that lead to a place, as messages name it."""
    return ".".join(map(str, place))


def resolve(values: Mapping[str, Any], spell: Callable[[Place], str] = dotted) -> dict[str, Any]:
    """Return a copy of `values` in which every section holds what it takes over, and no `extends` is left.

    Args:
        spell: how messages name a place.

    Raises:
        ViperError: a section extends itself, what holds it, or what does not exist.
    """
    return _Tree(values, spell).value(())


def merge(values: Any, changes: Any) -> Any:
    """`changes` over `values`: sections key by key, a list or a single value (null too) as a whole."""
    if not isinstance(values, Mapping) or not isinstance(changes, Mapping):
        return changes
    both = {key: merge(values[key], change) if key in values else change for key, change in changes.items()}
    return {**values, **both}


def origins(values: Mapping[str, Any], key: str) -> set[str]:
    """The dotted keys that are written and that the value at `key` is made of, those it extends included.

    Where nothing is written so deep (a default of the schema stands in no file), the nearest key above counts.

    Raises:
        ViperError: see `resolve`.
    """
    return _Tree(values).origins(tuple(key.split(".")))


def sources(written: Mapping[str, Any], values: Mapping[str, Any], path: Place) -> list[Place]:
    """Where what lies at `path` once all is taken over is written, nearest first; `path` itself where nothing says.

    Args:
        written: with what it says itself.
        values: what became of it, with what was set since.
    """
    tree = _Tree(written)
    layers = tree.layers(path)
    if not layers:  # a key that is missing: in its section and in those that this one extends
        above = tree.layers(path[:-1]) if path else []
        return [path, *((*place, path[-1]) for place, _ in above if place != path[:-1])]
    held: Any = values
    for part in path:
        held = held[part] if isinstance(held, list) or (isinstance(held, Mapping) and part in held) else None
    nearest = layers[0][1]
    if not isinstance(nearest, Mapping | list):  # a single value
        return [layers[0][0] if nearest == held else path]
    return [path, *(place for place, _ in layers if place != path)]


class _Tree:
    def __init__(self, values: Mapping[str, Any], spell: Callable[[Place], str] = dotted) -> None:
        self.root = values
        self.spell = spell
        self.known: dict[Place, list[Layer]] = {}
        self.count = 0

    def value(self, path: Place) -> Any:
        """The value at `path`, all that it takes over included."""
        self.count += 1
        if len(path) > DEEPEST or self.count > MOST_VALUES:
            raise ViperError(
                f"{self.spell(path[:6])}…: too deep or large, or extends leads back to itself: break the circle"
            )
        layers = self.layers(path)
        nearest = layers[0][1]
        if isinstance(nearest, Mapping):
            if not nearest and any(node for _, node in layers):
                raise ViperError(f"{self.spell(layers[0][0])} = {{}}: {EMPTY}")
            if odd := [key for _, node in layers for key in node if not isinstance(key, str)]:
                raise ViperError(
                    f"{self.spell((*path, repr(odd[0])))}: a key must be text: put a name there, in quotes"
                )
            return {key: self.value((*path, key)) for key in self._keys(layers)}
        if isinstance(nearest, list):
            return [self.value((*path, number)) for number in range(len(nearest))]
        if problem := _unplain(nearest):
            raise ViperError(f"{self.spell(path)} = {short(nearest)}: {problem}")
        return nearest

    def layers(self, path: Place, asked: tuple[Place, ...] = ()) -> list[Layer]:
        """What stands in the file for the value at `path`, nearest first: its own, then what it extends."""
        if path in asked:
            circle = " → ".join(self.spell(step) for step in (*asked[asked.index(path) :], path))
            raise ViperError(f"{self.spell((*path, EXTENDS))}: a section cannot extend itself: {circle}")
        if path not in self.known:
            self.known[path] = self._find(path, (*asked, path))
        return self.known[path]

    def _find(self, path: Place, asked: tuple[Place, ...]) -> list[Layer]:
        if not path:
            if EXTENDS in self.root:
                raise ViperError(f"{EXTENDS} = {self.root[EXTENDS]!r}: the file as a whole extends nothing: remove it")
            return [((), self.root)]
        above = self.layers(path[:-1], asked)
        found = [layer for place, node in above for layer in _below(place, node, path[-1])]
        sections = _leading_sections(found)
        said = next((node[EXTENDS] for _, node in sections if EXTENDS in node), None)
        if said is None:
            return sections or found[:1]
        target = self._target(path, said)
        base = self.layers(target, asked)
        if not base:
            neighbours = [str(key) for key in self._keys(above) if key != path[-1]]
            raise ViperError(
                f"{self.spell((*path, EXTENDS))} = {said!r}: there is no {self.spell(target)}; beside it are: "
                f"{', '.join(neighbours) or 'none'}. Correct the name"
            )
        if not isinstance(base[0][1], Mapping):
            raise ViperError(f"{self.spell((*path, EXTENDS))} = {said!r}: {self.spell(target)} is no section with keys")
        places = {place for place, _ in sections}
        return sections + [layer for layer in base if layer[0] not in places]

    def _target(self, path: Place, said: Any) -> Place:
        if isinstance(said, bool) or not isinstance(said, str | int) or said == "":
            raise ViperError(f"{self.spell((*path, EXTENDS))} = {said!r}: give the name of one section")
        target = tuple(said.split(".")) if isinstance(said, str) and "." in said else (*path[:-1], said)
        if len(target) > DEEPEST:
            raise ViperError(f"{self.spell((*path, EXTENDS))}: a name of {len(target)} parts: nothing lies so deep")
        if path[: len(target)] == target:
            raise ViperError(
                f"{self.spell((*path, EXTENDS))} = {said!r}: a section cannot extend itself or what holds it"
            )
        return target

    @staticmethod
    def _keys(layers: list[Layer]) -> list[str]:
        """The keys of a section: in the order of what it extends, then its own."""
        nodes = [node for _, node in reversed(layers) if isinstance(node, Mapping)]
        return [key for key in dict.fromkeys(key for node in nodes for key in node) if key != EXTENDS]

    def origins(self, path: Place) -> set[str]:
        while not self.layers(path):
            path = path[:-1]
        above = {
            (*place, EXTENDS)
            for length in range(1, len(path))
            for place, node in self.layers(path[:length])
            if isinstance(node, Mapping) and EXTENDS in node
        }
        return {dotted(_without_numbers(place)) for place in above | self._places(path)}

    def _places(self, path: Place) -> set[Place]:
        layers = self.layers(path)
        places = {place for place, _ in layers}
        nearest = layers[0][1]
        items = range(len(nearest)) if isinstance(nearest, list) else ()
        for key in self._keys(layers) if isinstance(nearest, Mapping) else items:
            below = self._places((*path, key))
            places |= {place for place in below if not any(place[: len(held)] == held for held in places)}
        return places


def _below(place: Place, node: Any, key: str | int) -> list[Layer]:
    """What stands under a key of a section, or under the number of a list's item: one layer or none."""
    if isinstance(node, list):
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10 else key
        is_item = isinstance(number, int) and 0 <= number < len(node)
        return [((*place, number), node[number])] if is_item else []
    return [((*place, key), node[key])] if isinstance(node, Mapping) and key in node else []


def _leading_sections(layers: list[Layer]) -> list[Layer]:
    """The layers before the first that is no section: what that one replaced is gone."""
    sections = []
    for layer in layers:
        if not isinstance(layer[1], Mapping):
            break
        sections.append(layer)
    return sections


def _without_numbers(place: Place) -> Place:
    numbers = [position for position, part in enumerate(place) if isinstance(part, int)]
    return place[: numbers[0]] if numbers else place


def _unplain(value: Any) -> str | None:
    """Why a value is none that JSON has, finite, of a size that every reader holds, and text that can be written."""
    if not isinstance(value, str | int | float | None):
        return f"a {type(value).__name__} is no value here: write a number or text (in quotes)"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "beyond 2^32: choose a smaller number"
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        return "holds a NUL or half a character: remove it"
    return None


def short(value: Any) -> str:
    """A value as messages show it."""
    if isinstance(value, int) and abs(value) > 10**60:  # Python refuses to print numbers of thousands of digits
        return "a number of more than 60 digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

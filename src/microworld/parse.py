"""Reading the micro world's English back to facts, so that every generated sentence can be checked."""

import re
from dataclasses import dataclass

from microworld.grammar import plain
from microworld.operations import Operation
from microworld.scene import COLORS, COLS, KINDS, ROWS, SHADES, SIZES, TEXTURES, Object, Scene, cell_name, make_scene

_CELL = {cell_name(cell): cell for cell in range(9)}
_SIZE, _COLOR, _KIND = (f"(?:{'|'.join(words)})" for words in (SIZES, COLORS, KINDS))
_LOOK = rf"(?P<size>{_SIZE}) (?P<color>{_COLOR}) (?P<kind>{_KIND})"
_PLACE = rf"(?P<place>(?:{'|'.join(ROWS)}) (?:{'|'.join(COLS)}))"
_BACKGROUND = rf"(?P<shade>{'|'.join(SHADES)}) and (?P<texture>{'|'.join(TEXTURES)})"


def _again(pattern: str) -> str:
    """The same pattern with its groups renamed (size → size2), for a second mention."""
    return re.sub(r"\?P<(\w+)>", r"?P<\g<1>2>", pattern)


_SENTENCE = re.compile(rf"A {_LOOK} is at the {_PLACE}\.")
_BACKGROUND_SENTENCE = re.compile(rf"The background is {_BACKGROUND}\.")
_ENTITY = re.compile(rf"(?:A |a )?{_LOOK} at the {_PLACE}\.?")
_NUMBER = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_PLURAL = re.compile(rf"(?P<size>{_SIZE}) (?P<color>{_COLOR}) (?P<noun>letters|digits|[a-z]+)(?: (?P<mark>[A-Z0-9]))?")

_REFINEMENTS = {
    "wrong": re.compile(rf"The object at the {_PLACE} is a {_LOOK} instead of a {_again(_LOOK)}\."),
    "missing": re.compile(rf"The caption misses a {_LOOK} at the {_PLACE}\."),
    "extra": re.compile(rf"There is nothing at the {_PLACE} instead of a {_LOOK}\."),
    "background": re.compile(rf"The background is {_BACKGROUND} instead of {_again(_BACKGROUND)}\."),
}
# "The color of the ... was changed from" is a statement; "Change the color of the ... from" an instruction.
_FROM = r"(?: was changed)? from"
_OPERATIONS = {
    "color": re.compile(
        rf"(?:The|Change the) color of the (?P<size>{_SIZE}) (?P<kind>{_KIND}) at the {_PLACE}{_FROM}"
        rf" (?P<color>{_COLOR}) to (?P<new>{_COLOR})\."
    ),
    "size": re.compile(
        rf"(?:The|Change the) size of the (?P<color>{_COLOR}) (?P<kind>{_KIND}) at the {_PLACE}{_FROM}"
        rf" (?P<size>{_SIZE}) to (?P<new>{_SIZE})\."
    ),
    "shape": re.compile(
        rf"(?:The|Change the) shape of the (?P<size>{_SIZE}) (?P<color>{_COLOR}) object at the {_PLACE}{_FROM}"
        rf" (?P<kind>{_KIND}) to (?P<new>{_KIND})\."
    ),
    "text": re.compile(rf"(?:The|Change the) text at the {_PLACE}{_FROM} (?P<kind>{_KIND}) to (?P<new>{_KIND})\."),
    "position": re.compile(rf"(?:A|Move the) {_LOOK}(?: was moved)? from the {_PLACE} to the {_again(_PLACE)}\."),
    "add": re.compile(rf"(?:A {_LOOK} was added at the {_PLACE}|Add a {_again(_LOOK)} at the {_again(_PLACE)})\."),
    "remove": re.compile(
        rf"(?:A {_LOOK} was removed from the {_PLACE}|Remove the {_again(_LOOK)} at the {_again(_PLACE)})\."
    ),
    "count": re.compile(
        rf"(?:The|Change the) number of (?P<plural>[\w ]+?){_FROM} (?P<first>\w+) to (?P<last>\w+)"
        rf" with (?P<change>a new one at|one gone from) the {_PLACE}\."
    ),
}


@dataclass(frozen=True)
class Refinement:
    """One thing to change in a caption: at `cell` (None: the background) the picture has `real`, the caption `said`."""

    type: str
    cell: int | None
    real: Object | tuple[str, str] | None
    said: Object | tuple[str, str] | None


def sentences_of(text: str) -> list[str]:
    """Sentences of the micro world: each ends with a full stop, and no full stop stands inside one."""
    return [part.strip() + "." for part in text.split(".") if part.strip()]


def _object(match: re.Match, suffix: str = "", place: str | None = None) -> Object:
    place = place or match["place" + suffix]
    return Object(match["kind" + suffix], match["color" + suffix], match["size" + suffix], _CELL[place])


def parse_object_sentence(text: str) -> Object | None:
    """'A large red circle is at the top left.' → Object; None for anything else."""
    match = _SENTENCE.fullmatch(text.strip())
    return _object(match) if match else None


def parse_background(text: str) -> tuple[str, str] | None:
    """'The background is dark and striped.' → ('dark', 'striped'); None for anything else."""
    match = _BACKGROUND_SENTENCE.fullmatch(text.strip())
    return (match["shade"], match["texture"]) if match else None


def parse_caption(text: str) -> tuple[list[Object], tuple[str, str] | None, list[str]]:
    """Objects and background that a caption states, and the sentences that are not in the grammar."""
    objects, background, unread = [], None, []
    for part in sentences_of(text):
        if thing := parse_object_sentence(part):
            objects.append(thing)
        elif found := parse_background(part):
            background = found
        else:
            unread.append(part)
    return objects, background, unread


def described_scene(caption: str) -> Scene:
    """The scene of a caption, as far as it can be read; a background that is not named fits no picture."""
    objects, background, _ = parse_caption(caption)
    first = {thing.cell: thing for thing in reversed(objects)}
    return make_scene(first.values(), *(background or ("unsaid", "unsaid")))


def parse_entities(text: str) -> list[Object]:
    """Hard entities, one per sentence; sentences outside the grammar are left out."""
    matches = (_ENTITY.fullmatch(part) for part in sentences_of(text))
    return [_object(match) for match in matches if match]


def parse_refinement(text: str) -> Refinement | None:
    """One refinement sentence, in any wording → Refinement; None for anything else."""
    for kind, pattern in _REFINEMENTS.items():
        match = pattern.fullmatch(plain(text.strip()))
        if not match:
            continue
        if kind == "background":
            return Refinement(kind, None, (match["shade"], match["texture"]), (match["shade2"], match["texture2"]))
        thing = _object(match)
        if kind == "wrong":
            return Refinement(kind, thing.cell, thing, _object(match, "2", match["place"]))
        return Refinement(kind, thing.cell, *((thing, None) if kind == "missing" else (None, thing)))
    return None


def _parse_plural(text: str, cell: int) -> Object | None:
    match = _PLURAL.fullmatch(text)
    if not match:
        return None
    noun = match["noun"]
    kind = f"{noun[:-1]} {match['mark']}" if match["mark"] else noun.removesuffix("es" if noun == "crosses" else "s")
    return Object(kind, match["color"], match["size"], cell) if kind in KINDS else None


def parse_operation(text: str) -> Operation | None:
    """A statement, in any wording, or an instruction → Operation; None for anything else.

    What a sentence leaves unsaid (the size of a glyph whose text changed) comes back as the empty string, and the
    jitter as zero: compare with `microworld.grammar.statement`, not object by object.
    """
    for kind, pattern in _OPERATIONS.items():
        match = pattern.fullmatch(plain(text.strip()))
        if not match:
            continue
        said = match.groupdict()
        if kind in ("color", "size", "shape", "text"):
            known = {key: said.get(key) or "" for key in ("kind", "color", "size")}
            changed = {"color": "color", "size": "size", "shape": "kind", "text": "kind"}[kind]
            cell = _CELL[said["place"]]
            return Operation(kind, Object(cell=cell, **known), Object(cell=cell, **{**known, changed: said["new"]}))
        if kind == "position":
            return Operation(kind, _object(match), _object(match, place=said["place2"]))
        if kind in ("add", "remove"):
            thing = _object(match, "" if said["place"] else "2")
            return Operation(kind, *((None, thing) if kind == "add" else (thing, None)))
        thing = _parse_plural(said["plural"], _CELL[said["place"]])
        if thing is None or said["first"] not in _NUMBER or said["last"] not in _NUMBER:
            return None
        grows = said["change"] == "a new one at"
        return Operation(
            kind, None if grows else thing, thing if grows else None, _NUMBER[said["first"]], _NUMBER[said["last"]]
        )
    return None

"""What the generators of all benchmarks draw with: pictures of one split, picks, and small facts in words.

A generator draws its answer first and then pictures that fit it, so that neither the answer nor its letter can be
guessed from the text. Options stand in one order whatever the picture (`in_order`), so that their letters have to be
found, and no more. Wrong options come from the same picture where it has any; where they are made by changing a
word, the right one has such a double too, so that it never stands out as the odd or the middle one.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microworld.grammar import listing, object_phrase, plural
from microworld.operations import apply_operation, propose
from microworld.scene import (
    CELLS,
    COLORS,
    COLS,
    GLYPHS,
    ROWS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    Object,
    Scene,
    cell_name,
    sample_scene,
    split_of,
)

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ORDINALS = ("first", "second", "third")
RELATIONS = ("to the left of", "to the right of", "above", "below")
PLACES = tuple(cell_name(cell) for cell in CELLS)
CORNERS = tuple(PLACES[cell] for cell in (0, 2, 6, 8))

# The order of options is that of these words, word by word; any other word comes after them, by the alphabet.
_WORDS = (
    *NUMBERS,
    *ORDINALS,
    *SIZES,
    *COLORS,
    *SHAPES,
    "letter",
    "digit",
    *ROWS,
    *COLS,
    *SHADES,
    *TEXTURES,
    *RELATIONS,
)
_RANK = {word: rank for rank, word in enumerate(_WORDS)}


class ImpossibleError(Exception):
    """The pictures drawn do not admit the question; draw again."""


@dataclass
class Draw:
    """Random draws of one question: pictures of one split, and picks."""

    rng: np.random.Generator
    split: str | None

    def pick(self, items: Sequence):
        """One of `items`, each equally likely."""
        if not len(items):
            raise ImpossibleError
        return items[int(self.rng.integers(len(items)))]

    def some(self, items: Sequence, size: int) -> list:
        """`size` different ones of `items`, in random order."""
        if len(items) < size:
            raise ImpossibleError
        return [items[int(i)] for i in self.rng.permutation(len(items))[:size]]

    def scene(self, fits: Callable[[Scene], bool] = lambda scene: True, **limits) -> Scene:
        """A scene of the split for which `fits` holds; `limits` go to `sample_scene`."""
        backgrounds = [(shade, texture) for shade in SHADES for texture in TEXTURES]
        for _ in range(4000):
            scene = sample_scene(self.rng, split=None, **limits)
            if not fits(scene):
                continue
            if self.allowed(scene):
                return scene
            # A background makes another layout: trying them all finds one of a small split in half of the cases.
            for shade, texture in self.some(backgrounds, len(backgrounds)):
                scene = replace(scene, shade=shade, texture=texture)
                if self.allowed(scene) and fits(scene):
                    return scene
        raise ImpossibleError

    def allowed(self, scene: Scene) -> bool:
        """True where the scene belongs to the split that is being drawn."""
        return self.split is None or split_of(scene) == self.split

    def changed(self, scene: Scene, types: Sequence[str]) -> tuple:
        """A random operation of one of `types` whose result is in the split too, and that result."""
        for _ in range(60):
            operation = propose(self.rng, scene, self.pick(types))
            if operation is not None:
                after = apply_operation(scene, operation)
                if self.allowed(after):
                    return operation, after
        raise ImpossibleError


def in_order(texts: Sequence[str]) -> list[str]:
    """Options in the order that does not depend on the picture: 'red' before 'blue', 'one' before 'two'."""
    return sorted(texts, key=lambda text: [(_RANK.get(word, len(_RANK)), word) for word in text.split()])


@dataclass(frozen=True)
class Draft:
    """A question before its options have letters. `wrong` holds at least as many texts as options are needed; the
    first ones are taken. `wrong` None: free answer."""

    scenes: tuple[Scene, ...]
    question: str
    right: str
    wrong: list[str] | None
    thought: str


def places_of(things: Sequence[Object]) -> str:
    """'the top left and the bottom right': where the things are."""
    return listing([f"the {cell_name(thing.cell)}" for thing in things])


def where_are(things: Sequence[Object], what: str) -> str:
    """'Red objects are at the top left and the bottom right.'; 'There is no red object.' for none."""
    if not things:
        return f"There is no {what} object."
    if len(things) == 1:
        return f"A {what} object is at {places_of(things)}."
    return f"{what.capitalize()} objects are at {places_of(things)}."


def where_shapes_are(things: Sequence[Object], shape: str) -> str:
    """'The stars are at the top left and the bottom right.'; 'There is no star.' for none."""
    if not things:
        return f"There is no {shape}."
    if len(things) == 1:
        return f"A {shape} is at {places_of(things)}."
    return f"The {plural(things[0]).split()[-1]} are at {places_of(things)}."


def all_objects(scene: Scene) -> str:
    """'Objects are at ...': every object's place."""
    if len(scene.objects) == 1:
        return f"An object is at {places_of(scene.objects)}."
    return f"Objects are at {places_of(scene.objects)}."


def having(scene: Scene, **look) -> list[Object]:
    """The objects with all the given attributes."""
    return [thing for thing in scene.objects if all(getattr(thing, key) == value for key, value in look.items())]


def tellable(scene: Scene) -> list[Object]:
    """The objects that their phrase ('small red circle') tells from all others of the scene."""
    seen = Counter(map(object_phrase, scene.objects))
    return [thing for thing in scene.objects if seen[object_phrase(thing)] == 1]


def double_of(draw: Draw, thing: Object, avoid: Sequence[Object]) -> Object:
    """`thing` with one attribute changed, looking like none of `avoid`."""
    present = set(map(object_phrase, avoid))
    for _ in range(20):
        attribute = draw.pick(("color", "size", "kind"))
        kinds = GLYPHS if thing.is_glyph else SHAPES
        values = {"color": COLORS, "size": SIZES, "kind": kinds}[attribute]
        other = replace(thing, **{attribute: draw.pick([v for v in values if v != getattr(thing, attribute)])})
        if object_phrase(other) not in present:
            return other
    raise ImpossibleError


def shuffled_rest(draw: Draw, right: str, first: Sequence[str], rest: Sequence[str], size: int) -> list[str]:
    """`size` wrong options: those of `first` (seen in the picture), then others of `rest`, never `right`."""
    first = [word for word in dict.fromkeys(first) if word != right]
    rest = [word for word in rest if word != right and word not in first]
    chosen = draw.some(first, min(len(first), size))
    return chosen + draw.some(rest, size - len(chosen))


def paired_phrases(draw: Draw, scene: Scene, target: Object, exclude: Sequence[Object] = ()) -> list[str]:
    """Three wrong phrases for `target`: its double, another object of the scene, and that one's double."""
    others = [thing for thing in scene.objects if object_phrase(thing) != object_phrase(target)]
    others = [thing for thing in others if thing not in exclude]
    other = draw.pick(others) if others else double_of(draw, target, scene.objects)
    wrong = [
        object_phrase(thing)
        for thing in (double_of(draw, target, scene.objects), other, double_of(draw, other, scene.objects))
    ]
    if len({*wrong, object_phrase(target)}) < 4:
        raise ImpossibleError
    return wrong


def relation_of(a: Object, b: Object) -> str | None:
    """How `a` stands to `b` where both share a row or a column: one of `RELATIONS`; None otherwise."""
    (row_a, col_a), (row_b, col_b) = divmod(a.cell, 3), divmod(b.cell, 3)
    if row_a == row_b:
        return RELATIONS[0] if col_a < col_b else RELATIONS[1]
    if col_a == col_b:
        return RELATIONS[2] if row_a < row_b else RELATIONS[3]
    return None


def related_pairs(scene: Scene, relation: str) -> list[tuple[Object, Object]]:
    """Pairs (a, b) of tellable objects with `a` standing in `relation` to `b`."""
    things = tellable(scene)
    return [(a, b) for a in things for b in things if a is not b and relation_of(a, b) == relation]

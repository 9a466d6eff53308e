"""Questions about the micro world: seven benchmarks that ask what the paper's seven ask, with the answer known.

A generator draws its answer first and then pictures that fit it, so that neither the answer nor its letter can be
guessed from the text. Wrong options come from the same picture where it has any; where they are made by changing a
word, the right one has such a double too, so that it never stands out as the odd or the middle one.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from viper.errors import ViperError
from viper.world.grammar import background_phrase, background_sentence, listing, object_phrase, sentence, statement
from viper.world.operations import OPERATION_TYPES, apply_operation, propose
from viper.world.scene import (
    CELLS,
    COLORS,
    GLYPHS,
    MAX_OBJECTS,
    ROWS,
    SHADES,
    SHAPES,
    SIZES,
    TEXTURES,
    Object,
    Scene,
    cell_name,
    make_scene,
    sample_scene,
    split_of,
)

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ORDINALS = ("first", "second", "third")
RELATIONS = ("to the left of", "to the right of", "above", "below")
PLACES = tuple(cell_name(cell) for cell in CELLS)
ABSENT = "The picture does not show it."  # option E of MME-RealWorld: the thing asked for is not there
LETTERS = "ABCDE"
# Its scorer reads the first letter of an answer and nothing else; those of the others also accept the option itself.
_WANT_A_LETTER = ("MicroHighRes",)
MAX_DRAWS = 1000

# What the VLMEvalKit classes put around a question; a test compares them with the classes themselves.
_SELECT = "Please select the correct answer from the options above. \n"
REAL_WORLD_OPTIONS = "The choices are listed below:\n"
_REAL_WORLD = (
    "Select the best answer to the above multiple-choice question based on the image. "
    "Respond with only the letter (A, B, C, D, or E) of the correct option. \nThe best answer is:"
)
# These two are part of the question text in the official HallusionBench (as commonly prompted) and CRPE.
_YES_OR_NO = " Please answer yes or no."
_LETTER_ONLY = "Answer with the option's letter from the given choices directly."


@dataclass(frozen=True)
class Question:
    """One item of a benchmark.

    Attributes:
        benchmark: "MicroStar", ... (see `BENCHMARKS`).
        category, l2_category: as the TSV has them; what they mean is the benchmark's business.
        scenes: one scene per picture, in order.
        question: the bare question, without options.
        options: letter → text; None where the answer is free (yes/no, one word).
        answer: what belongs into <answer>: a letter, "Yes"/"No", or a word.
        thought: one or two factual sentences, about 20 words, that belong into <think>: what must be seen.
        slot: place within a group of questions that are scored together ("<figure>_<question>" of a hallusion set,
            the turn of a CRPE item); empty where every question stands alone.
    """

    benchmark: str
    category: str
    l2_category: str
    scenes: tuple[Scene, ...]
    question: str
    options: dict[str, str] | None
    answer: str
    thought: str
    slot: str = ""


class _ImpossibleError(Exception):
    """The pictures drawn do not admit the question; draw again."""


@dataclass
class _Draw:
    """Random draws of one question: pictures of one split, and picks."""

    rng: np.random.Generator
    split: str | None

    def pick(self, items: Sequence):
        """One of `items`, each equally likely."""
        if not len(items):
            raise _ImpossibleError
        return items[int(self.rng.integers(len(items)))]

    def some(self, items: Sequence, size: int) -> list:
        """`size` different ones of `items`, in random order."""
        if len(items) < size:
            raise _ImpossibleError
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
        raise _ImpossibleError

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
        raise _ImpossibleError


@dataclass(frozen=True)
class _Draft:
    """A question before its options have letters. `wrong` holds at least as many texts as options are needed; the
    first ones are taken. `wrong` None: free answer."""

    scenes: tuple[Scene, ...]
    question: str
    right: str
    wrong: list[str] | None
    thought: str


# --- words and small facts ------------------------------------------------------------------------------------------


def _at(things: Sequence[Object]) -> str:
    """'the top left and the bottom right': where the things are."""
    return listing([f"the {cell_name(thing.cell)}" for thing in things])


def _where(things: Sequence[Object], what: str) -> str:
    """'Red objects are at the top left and the bottom right.'; 'There is no red object.' for none."""
    if not things:
        return f"There is no {what} object."
    if len(things) == 1:
        return f"A {what} object is at {_at(things)}."
    return f"{what.capitalize()} objects are at {_at(things)}."


def _all_objects(scene: Scene) -> str:
    """'Objects are at ...': every object's place."""
    if len(scene.objects) == 1:
        return f"An object is at {_at(scene.objects)}."
    return f"Objects are at {_at(scene.objects)}."


def _with(scene: Scene, **look) -> list[Object]:
    """The objects with all the given attributes."""
    return [thing for thing in scene.objects if all(getattr(thing, key) == value for key, value in look.items())]


def _unique(scene: Scene) -> list[Object]:
    """The objects that their phrase ('small red circle') tells from all others of the scene."""
    seen = Counter(map(object_phrase, scene.objects))
    return [thing for thing in scene.objects if seen[object_phrase(thing)] == 1]


def _double(draw: _Draw, thing: Object, avoid: Sequence[Object]) -> Object:
    """`thing` with one attribute changed, looking like none of `avoid`."""
    present = set(map(object_phrase, avoid))
    for _ in range(20):
        attribute = draw.pick(("color", "size", "kind"))
        kinds = GLYPHS if thing.is_glyph else SHAPES
        values = {"color": COLORS, "size": SIZES, "kind": kinds}[attribute]
        other = replace(thing, **{attribute: draw.pick([v for v in values if v != getattr(thing, attribute)])})
        if object_phrase(other) not in present:
            return other
    raise _ImpossibleError


def _shuffled_rest(draw: _Draw, right: str, first: Sequence[str], rest: Sequence[str], size: int) -> list[str]:
    """`size` wrong options: those of `first` (seen in the picture), then others of `rest`, never `right`."""
    first = [word for word in dict.fromkeys(first) if word != right]
    rest = [word for word in rest if word != right and word not in first]
    chosen = draw.some(first, min(len(first), size))
    return chosen + draw.some(rest, size - len(chosen))


def _paired_phrases(draw: _Draw, scene: Scene, target: Object, exclude: Sequence[Object] = ()) -> list[str]:
    """Three wrong phrases for `target`: its double, another object of the scene, and that one's double."""
    others = [thing for thing in scene.objects if object_phrase(thing) != object_phrase(target)]
    others = [thing for thing in others if thing not in exclude]
    other = draw.pick(others) if others else _double(draw, target, scene.objects)
    wrong = [
        object_phrase(thing)
        for thing in (_double(draw, target, scene.objects), other, _double(draw, other, scene.objects))
    ]
    if len({*wrong, object_phrase(target)}) < 4:
        raise _ImpossibleError
    return wrong


def _relation(a: Object, b: Object) -> str | None:
    """How `a` stands to `b` where both share a row or a column: one of `RELATIONS`; None otherwise."""
    (row_a, col_a), (row_b, col_b) = divmod(a.cell, 3), divmod(b.cell, 3)
    if row_a == row_b:
        return RELATIONS[0] if col_a < col_b else RELATIONS[1]
    if col_a == col_b:
        return RELATIONS[2] if row_a < row_b else RELATIONS[3]
    return None


def _related_pairs(scene: Scene, relation: str) -> list[tuple[Object, Object]]:
    """Pairs (a, b) of tellable objects with `a` standing in `relation` to `b`."""
    things = _unique(scene)
    return [(a, b) for a in things for b in things if a is not b and _relation(a, b) == relation]


# --- MicroStar: the six sub-domains of MMStar ----------------------------------------------------------------------


def _background(draw: _Draw) -> _Draft:
    scene = draw.scene()
    every = [f"{shade} and {texture}" for shade in SHADES for texture in TEXTURES]
    right = background_phrase(scene)
    wrong = draw.some([text for text in every if text != right], 3)
    return _Draft((scene,), "What does the background look like?", right, wrong, background_sentence(scene))


def _object_count(draw: _Draw) -> _Draft:
    target = draw.pick(range(2, MAX_OBJECTS + 1))
    scene = draw.scene(min_objects=target, max_objects=target)
    wrong = [NUMBERS[n] for n in range(2, MAX_OBJECTS + 1) if n != target]
    return _Draft((scene,), "How many objects are in the picture?", NUMBERS[target], wrong, _all_objects(scene))


def _main_color(draw: _Draw) -> _Draft:
    color = draw.pick(COLORS)

    def fits(scene):
        ranked = Counter(thing.color for thing in scene.objects).most_common(2)
        return ranked[0][0] == color and len(ranked) > 1 and ranked[0][1] > ranked[1][1]

    scene = draw.scene(fits)
    wrong = _shuffled_rest(draw, color, [thing.color for thing in scene.objects], COLORS, 3)
    return _Draft((scene,), "Which color do most objects have?", color, wrong, _where(_with(scene, color=color), color))


def _attribute_at(draw: _Draw, attribute: str) -> _Draft:
    """Color, shape or text of the object at a place; small objects three times in four."""
    values = {"color": COLORS, "shape": SHAPES, "text": GLYPHS}[attribute]
    field = "color" if attribute == "color" else "kind"
    target, size = draw.pick(values), draw.pick(("small", "small", "small", "large"))
    scene = draw.scene(lambda scene: bool(_with(scene, **{field: target, "size": size})))
    thing = draw.pick(_with(scene, **{field: target, "size": size}))
    present = [getattr(other, field) for other in scene.objects if getattr(other, field) in values]
    wrong = _shuffled_rest(draw, target, present, values, 3)
    what = "Which text is" if attribute == "text" else f"Which {attribute} is the object"
    return _Draft((scene,), f"{what} at the {cell_name(thing.cell)}?", target, wrong, sentence(thing))


def _color_at(draw: _Draw) -> _Draft:
    return _attribute_at(draw, "color")


def _shape_at(draw: _Draw) -> _Draft:
    return _attribute_at(draw, "shape")


def _text_at(draw: _Draw) -> _Draft:
    return _attribute_at(draw, "text")


def _localization(draw: _Draw) -> _Draft:
    cell = draw.pick(CELLS)
    scene = draw.scene(lambda scene: scene.at(cell) in _unique(scene))
    thing = scene.at(cell)
    wrong = _shuffled_rest(draw, cell_name(cell), [cell_name(other.cell) for other in scene.objects], PLACES, 3)
    return _Draft((scene,), f"Where is the {object_phrase(thing)}?", cell_name(cell), wrong, sentence(thing))


def _spatial_relation(draw: _Draw) -> _Draft:
    target = draw.pick(RELATIONS)
    scene = draw.scene(lambda scene: bool(_related_pairs(scene, target)))
    a, b = draw.pick(_related_pairs(scene, target))
    question = f"Where is the {object_phrase(a)} compared to the {object_phrase(b)}?"
    return _Draft((scene,), question, target, [r for r in RELATIONS if r != target], f"{sentence(a)} {sentence(b)}")


def _in_common(draw: _Draw) -> _Draft:
    aspects = {"color": "the color", "size": "the size", "kind": "the shape"}
    target = draw.pick(("the color", "the size", "the shape", "nothing"))

    def pairs(scene):
        for i, a in enumerate(scene.objects):
            for b in scene.objects[i + 1 :]:
                same = [name for field, name in aspects.items() if getattr(a, field) == getattr(b, field)]
                if (same or ["nothing"]) == [target] and not a.is_glyph and not b.is_glyph:
                    yield a, b

    scene = draw.scene(lambda scene: any(pairs(scene)))
    a, b = draw.pick(list(pairs(scene)))
    wrong = [text for text in (*aspects.values(), "nothing") if text != target]
    question = f"What do the objects at {_at([a, b])} have in common?"
    return _Draft((scene,), question, target, wrong, f"{sentence(a)} {sentence(b)}")


def _removal(draw: _Draw) -> _Draft:
    target = draw.pick(range(0, 4))

    def groups(scene):
        looks = {thing.color for thing in scene.objects} | {thing.size for thing in scene.objects}
        rest = {look: [t for t in scene.objects if look not in (t.color, t.size)] for look in looks}
        return {look: things for look, things in rest.items() if len(things) == target}

    scene = draw.scene(lambda scene: bool(groups(scene)))
    look, rest = draw.pick(sorted(groups(scene).items()))
    thought = f"Other objects are at {_at(rest)}." if len(rest) > 1 else f"Another object is at {_at(rest)}." if rest \
        else f"All objects are {look}."  # fmt: skip
    question = f"All {look} objects are taken away. How many objects are left?"
    wrong = [NUMBERS[n] for n in range(0, 4) if n != target]
    return _Draft((scene,), question, NUMBERS[target], wrong, thought)


def _true_statement(draw: _Draw) -> _Draft:
    scene = draw.scene(min_objects=3)
    truth, *others = draw.some(scene.objects, 3)
    # Half of the time the double of the truth is among them, so that a pair of look-alikes tells nothing.
    things = [*others, draw.pick((truth, truth, *others))]
    wrong = list(dict.fromkeys(sentence(_double(draw, thing, scene.objects)) for thing in things))
    if len(wrong) < 3:
        raise _ImpossibleError
    return _Draft((scene,), "Which statement is true?", sentence(truth), wrong, sentence(truth))


def _extreme(draw: _Draw, question: str, key: Callable[[Object], int]) -> _Draft:
    """The one object with the greatest `key`, asked for by `question`."""

    def leaders(scene):
        best = max(map(key, scene.objects))
        return [thing for thing in scene.objects if key(thing) == best]

    scene = draw.scene(lambda s: len(leaders(s)) == 1 and leaders(s)[0] in _unique(s), min_objects=3)
    thing = leaders(scene)[0]
    return _Draft((scene,), question, object_phrase(thing), _paired_phrases(draw, scene, thing), sentence(thing))


def _gravity(draw: _Draw) -> _Draft:
    return _extreme(draw, "All objects fall. Which one reaches the ground first?", lambda thing: thing.cell // 3)


def _sunlight(draw: _Draw) -> _Draft:
    if draw.pick((True, False)):
        return _extreme(draw, "The sun is low on the left. Which object does it reach first?", lambda t: -(t.cell % 3))
    return _extreme(draw, "The sun is low on the right. Which object does it reach first?", lambda t: t.cell % 3)


def _weight(draw: _Draw) -> _Draft:
    def fits(scene):
        looks = {(thing.color, thing.kind) for thing in scene.objects}
        return len(_with(scene, size="large")) == 1 and len(looks) == len(scene.objects) >= 4

    scene = draw.scene(fits)
    (thing,) = _with(scene, size="large")
    wrong = [f"{other.color} {other.kind}" for other in draw.some([o for o in scene.objects if o is not thing], 3)]
    question = "All objects are made of iron. Which one is the heaviest?"
    return _Draft((scene,), question, f"{thing.color} {thing.kind}", wrong, sentence(thing))


def _digit_sum(draw: _Draw) -> _Draft:
    digit, plus = draw.pick((2, 4, 7)), draw.pick((1, 2))
    scene = draw.scene(lambda s: [t.kind for t in s.objects if t.kind.startswith("digit")] == [f"digit {digit}"])
    (thing,) = _with(scene, kind=f"digit {digit}")
    question = f"What is the digit in the picture plus {NUMBERS[plus]}?"
    wrong = [NUMBERS[other + plus] for other in (2, 4, 7) if other != digit]
    return _Draft((scene,), question, NUMBERS[digit + plus], wrong, sentence(thing))


def _counting(draw: _Draw) -> _Draft:
    look, target = draw.pick(COLORS + SIZES), draw.pick(range(0, 4))
    scene = draw.scene(lambda s: len([t for t in s.objects if look in (t.color, t.size)]) == target)
    things = [thing for thing in scene.objects if look in (thing.color, thing.size)]
    wrong = [NUMBERS[n] for n in range(0, 4) if n != target]
    return _Draft((scene,), f"How many {look} objects are there?", NUMBERS[target], wrong, _where(things, look))


# --- MicroWorldQA: cluttered scenes, everyday spatial questions, as RealWorldQA ------------------------------------


def _cluttered(draw: _Draw, fits: Callable[[Scene], bool] = lambda scene: True) -> Scene:
    return draw.scene(lambda scene: scene.texture != "plain" and fits(scene), min_objects=4)


def _neighbor(draw: _Draw) -> _Draft:
    step, words = draw.pick(((-1, "to the left of"), (1, "to the right of"), (-3, "above"), (3, "below")))
    nothing = draw.pick((True, False, False, False))

    def pairs(scene):
        for thing in _unique(scene):
            row, col = divmod(thing.cell, 3)
            if (col + step in range(3)) if abs(step) == 1 else (row + step // 3 in range(3)):
                other = scene.at(thing.cell + step)
                if (other is None) == nothing and (other is None or other in _unique(scene)):
                    yield thing, other

    scene = _cluttered(draw, lambda scene: any(pairs(scene)))
    thing, other = draw.pick(list(pairs(scene)))
    place = cell_name(thing.cell + step)
    question = f"What is directly {words} the {object_phrase(thing)}?"
    seen = other or draw.pick([o for o in scene.objects if o is not thing])
    double, second, double_of_second = _paired_phrases(draw, scene, seen, [thing])
    # With one double only, it belongs to the right option two times in three: then the text tells nothing.
    texts = [object_phrase(seen), second, draw.pick((double, double, double_of_second))]
    if nothing:
        return _Draft((scene,), question, "nothing", texts, f"{sentence(thing)} Nothing is at the {place}.")
    return _Draft((scene,), question, texts[0], ["nothing", *texts[1:]], f"{sentence(thing)} {sentence(other)}")


def _identity(draw: _Draw) -> _Draft:
    scene = _cluttered(draw)
    thing = draw.pick(scene.objects)
    wrong = _paired_phrases(draw, scene, thing)
    return _Draft((scene,), f"What is at the {cell_name(thing.cell)}?", object_phrase(thing), wrong, sentence(thing))


def _sides(draw: _Draw) -> _Draft:
    target = draw.pick(("left", "right", "the same"))

    def fits(scene):
        left, right = (sum(thing.cell % 3 == col for thing in scene.objects) for col in (0, 2))
        return target == ("left" if left > right else "right" if right > left else "the same")

    scene = _cluttered(draw, fits)
    wrong = [text for text in ("left", "right", "the same") if text != target]
    question = "Does the left or the right column have more objects?"
    return _Draft((scene,), question, target, wrong, _all_objects(scene))


def _empty_row(draw: _Draw) -> _Draft:
    target = draw.pick((*ROWS, "none"))

    def fits(scene):
        empty = [row for i, row in enumerate(ROWS) if not any(thing.cell // 3 == i for thing in scene.objects)]
        return (empty or ["none"]) == [target]

    scene = _cluttered(draw, fits)
    wrong = [f"the {row} row" for row in ROWS if row != target] + ["no row"] * (target != "none")
    right = "no row" if target == "none" else f"the {target} row"
    return _Draft((scene,), "Which row is empty?", right, wrong, _all_objects(scene))


# --- MicroHighRes: small things that may be missing (option E), as MME-RealWorld -----------------------------------


def _small_color(draw: _Draw) -> _Draft:
    kind, color = draw.pick(SHAPES), draw.pick((*COLORS, None, None))

    def fits(scene):
        small = _with(scene, size="small", kind=kind)
        if color is None:
            return not small and bool(_with(scene, size="large", kind=kind))
        return [thing.color for thing in small] == [color]

    scene = draw.scene(fits)
    question = f"Which color is the small {kind}?"
    present = [thing.color for thing in scene.objects]
    if color is None:
        wrong = _shuffled_rest(draw, "", present, COLORS, 4)
        return _Draft((scene,), question, ABSENT, wrong, f"There is no small {kind}.")
    thought = sentence(_with(scene, size="small", kind=kind)[0])
    return _Draft((scene,), question, color, _shuffled_rest(draw, color, present, COLORS, 3), thought)


def _small_text(draw: _Draw) -> _Draft:
    text = draw.pick((*GLYPHS, None, None))

    def fits(scene):
        small = [thing.kind for thing in scene.objects if thing.is_glyph and thing.size == "small"]
        return small == [text] if text else not small and any(thing.is_glyph for thing in scene.objects)

    scene = draw.scene(fits)
    present = [thing.kind for thing in scene.objects if thing.is_glyph]
    if text is None:
        wrong = _shuffled_rest(draw, "", present, GLYPHS, 4)
        return _Draft((scene,), "Which small text can you read?", ABSENT, wrong, "There is no small text.")
    thought = sentence(_with(scene, size="small", kind=text)[0])
    wrong = _shuffled_rest(draw, text, present, GLYPHS, 3)
    return _Draft((scene,), "Which small text can you read?", text, wrong, thought)


def _small_position(draw: _Draw) -> _Draft:
    absent = draw.pick((True, False, False, False, False))
    scene = draw.scene(lambda scene: any(thing.size == "small" for thing in _unique(scene)))
    thing = draw.pick([thing for thing in _unique(scene) if thing.size == "small"])
    seen = [cell_name(thing.cell) for thing in scene.objects]
    if absent:
        missing = _double(draw, thing, scene.objects)
        question = f"Where is the {object_phrase(missing)}?"
        wrong = _shuffled_rest(draw, "", seen, PLACES, 4)
        return _Draft((scene,), question, ABSENT, wrong, f"There is no {object_phrase(missing)}.")
    wrong = _shuffled_rest(draw, cell_name(thing.cell), seen, PLACES, 3)
    return _Draft((scene,), f"Where is the {object_phrase(thing)}?", cell_name(thing.cell), wrong, sentence(thing))


def _small_count(draw: _Draw) -> _Draft:
    target = draw.pick(range(0, 5))
    scene = draw.scene(lambda scene: len(_with(scene, size="small")) == target)
    thought = _where(_with(scene, size="small"), "small")
    question = "How many small objects are there?"
    right = NUMBERS[target] if target else ABSENT
    wrong = [NUMBERS[n] for n in range(1, 5) if n != target]
    return _Draft((scene,), question, right, wrong, thought)


# --- MicroBlink: two pictures, as BLINK ---------------------------------------------------------------------------


def _misread(draw: _Draw, text: str) -> str:
    """`text` with one color, kind or place exchanged for another that the sentence does not hold already."""

    def holds(word):
        return re.search(rf"\b{word}\b", text) is not None

    families = (COLORS, SHAPES, GLYPHS, PLACES)
    word, family = draw.pick([(word, family) for family in families for word in family if holds(word)])
    other = draw.pick([word for word in family if not holds(word)])
    return re.sub(rf"\b{word}\b", other, text)


def _spot_the_change(draw: _Draw) -> _Draft:
    before = draw.scene()
    operation, after = draw.changed(before, OPERATION_TYPES)
    other, elsewhere = draw.changed(before, OPERATION_TYPES)
    if _looks(elsewhere) == _looks(after):
        raise _ImpossibleError
    right, false = statement(operation), statement(other)
    wrong = [_misread(draw, right), false, _misread(draw, false)]
    if len({right, *wrong}) < 4:
        raise _ImpossibleError
    return _Draft((before, after), "What was changed from the first to the second picture?", right, wrong, right)


def _looks(scene: Scene) -> list[tuple]:
    """What is where, without jitter."""
    return [(object_phrase(thing), thing.cell) for thing in scene.objects]


def _which_picture_shows(draw: _Draw) -> _Draft:
    answers = ("the first picture", "the second picture", "both pictures", "no picture")
    target = draw.pick(answers)
    first = draw.scene()
    operation, second = draw.changed(first, ("color", "size", "shape", "text"))
    old, new = operation.before, operation.after
    thought = f"The first picture has a {object_phrase(old)} and the second a {object_phrase(new)}."
    if target == "both pictures":
        thing = draw.pick([thing for thing in first.objects if thing != old])
        thought = f"Both pictures have a {object_phrase(thing)}."
    elif target == "no picture":
        thing = _double(draw, draw.pick((old, new)), [old, new])
    else:
        thing = old if target == "the first picture" else new
    wrong = [text for text in answers if text != target]
    question = f"Which picture shows a {object_phrase(thing)} at the {cell_name(thing.cell)}?"
    return _Draft((first, second), question, target, wrong, thought)


def _which_has_more(draw: _Draw) -> _Draft:
    answers = ("the first picture", "the second picture", "the same number")
    target = draw.pick(answers)
    sizes = range(2, MAX_OBJECTS + 1)
    pairs = [(a, b) for a in sizes for b in sizes if answers[0 if a > b else 1 if b > a else 2] == target]
    a, b = draw.pick(pairs)
    scenes = tuple(draw.scene(min_objects=n, max_objects=n) for n in (a, b))
    thought = f"The first picture has {NUMBERS[a]} objects and the second has {NUMBERS[b]} objects."
    wrong = [text for text in answers if text != target]
    return _Draft(scenes, "Which picture has more objects?", target, wrong, thought)


def _correspondence(draw: _Draw) -> _Draft:
    first, second = draw.scene(min_objects=3), draw.scene(min_objects=3)
    shared, place = draw.pick(first.objects), draw.pick(second.objects)
    moved = replace(shared, cell=place.cell)
    second = make_scene([*(t for t in second.objects if t is not place), moved], second.shade, second.texture)
    phrases = [{object_phrase(thing) for thing in scene.objects} for scene in (first, second)]
    if not draw.allowed(second) or len(phrases[0] & phrases[1]) != 1:
        raise _ImpossibleError
    right = object_phrase(shared)
    wrong = [*draw.some(sorted(phrases[0] - {right}), 1), *draw.some(sorted(phrases[1] - {right}), 1)]
    wrong.append(draw.pick(sorted((phrases[0] | phrases[1]) - {right, *wrong})))
    return _Draft(
        (first, second), "Which object is in both pictures?", right, wrong, f"{sentence(shared)} {sentence(moved)}"
    )


# --- MicroMantis: two or three pictures, some answers free, as Mantis-Eval ----------------------------------------


def _referred_color(draw: _Draw) -> _Draft:
    which, color = draw.pick(range(3)), draw.pick(COLORS)
    scenes = [draw.scene() for _ in range(3)]
    scenes[which] = draw.scene(lambda scene: bool(_with(scene, color=color)))
    thing = draw.pick(_with(scenes[which], color=color))
    present = [other.color for scene in scenes for other in scene.objects]
    question = f"Which color is the object at the {cell_name(thing.cell)} in the {ORDINALS[which]} picture?"
    return _Draft(tuple(scenes), question, color, _shuffled_rest(draw, color, present, COLORS, 3), sentence(thing))


def _odd_picture(draw: _Draw) -> _Draft:
    which, kind = draw.pick(range(3)), draw.pick(SHAPES)
    scenes = tuple(
        draw.scene(lambda scene, lacks=(i == which): bool(_with(scene, kind=kind)) != lacks) for i in range(3)
    )
    wrong = [f"the {ORDINALS[i]} picture" for i in range(3) if i != which]
    thought = f"The {ORDINALS[which]} picture has no {kind}."
    return _Draft(scenes, f"Which picture has no {kind}?", f"the {ORDINALS[which]} picture", wrong, thought)


def _total(draw: _Draw) -> _Draft:
    color, total = draw.pick(COLORS), draw.pick(range(0, 5))
    first = draw.pick([n for n in range(0, 3) if 0 <= total - n <= 2])
    parts = (first, total - first)
    scenes = tuple(draw.scene(lambda s, n=n: len(_with(s, color=color)) == n) for n in parts)
    thought = f"The first picture has {NUMBERS[first]} {color} objects and the second has {NUMBERS[total - first]}."
    question = f"How many {color} objects are in both pictures together?"
    wrong = draw.some([NUMBERS[n] for n in range(0, 5) if n != total], 3)
    return _Draft(scenes, question, NUMBERS[total], wrong, thought)


def _short_color(draw: _Draw) -> _Draft:
    which, kind, color = draw.pick(range(2)), draw.pick(SHAPES), draw.pick(COLORS)
    scenes = [draw.scene() for _ in range(2)]
    scenes[which] = draw.scene(lambda scene: [t.color for t in _with(scene, kind=kind)] == [color])
    (thing,) = _with(scenes[which], kind=kind)
    question = f"Which color is the {kind} in the {ORDINALS[which]} picture? Answer with one word."
    return _Draft(tuple(scenes), question, color, None, sentence(thing))


def _short_count(draw: _Draw) -> _Draft:
    which, target = draw.pick(range(2)), draw.pick(range(2, MAX_OBJECTS + 1))
    scenes = [draw.scene() for _ in range(2)]
    scenes[which] = draw.scene(min_objects=target, max_objects=target)
    question = f"How many objects are in the {ORDINALS[which]} picture? Answer with one word."
    return _Draft(tuple(scenes), question, NUMBERS[target], None, _all_objects(scenes[which]))


# --- MicroHallusion: two figures, two questions each, as HallusionBench -------------------------------------------


def _hallusion_set(draw: _Draw, kind: str) -> list[tuple[str, Scene, str, str, str]]:
    """One set: (slot, scene, question, answer, thought) for two figures times two questions.

    The figures differ by one operation; what the first question asks about is there in one figure only, what the
    second asks about in the other only: every figure and every question has one yes and one no.
    """
    first = draw.scene()
    operation, second = draw.changed(first, ("remove", "count", "add") if kind == "presence" else (kind,))
    before, after = operation.before, operation.after
    if kind == "presence":
        thing = before or after
        fewer = min(len(first.objects), len(second.objects))
        if fewer == 1:  # "one objects"
            raise _ImpossibleError
        asked = [
            f"Is there a {object_phrase(thing)} at the {cell_name(thing.cell)}?",
            f"Are there {NUMBERS[fewer]} objects in the picture?",
        ]
        nothing = f"Nothing is at the {cell_name(thing.cell)}."
        thoughts = [
            [sentence(thing) if scene.at(thing.cell) else nothing, _all_objects(scene)] for scene in (first, second)
        ]
        # "Is it there?" is true where the thing is; the number asked for is that of the figure without it.
        truths = [[scene.at(thing.cell) is not None, scene.at(thing.cell) is None] for scene in (first, second)]
    else:
        asked = [f"Is there a {object_phrase(thing)} at the {cell_name(thing.cell)}?" for thing in (before, after)]
        truths = [[True, False], [False, True]]
        thoughts = [[sentence(shown)] * 2 for shown in (before, after)]
    order = [int(i) for i in draw.rng.permutation(2)]
    return [
        (f"{figure}_{place}", scene, asked[q], "Yes" if truths[figure][q] else "No", thoughts[figure][q])
        for figure, scene in enumerate((first, second))
        for place, q in enumerate(order)
    ]


# --- MicroCRPE: relations of things that exist, as CRPE -----------------------------------------------------------


def _crpe_pair(draw: _Draw, relation: str, alone: Callable) -> tuple[Scene, Object, Object]:
    def pairs(scene):
        return [pair for pair in _related_pairs(scene, relation) if alone(scene, *pair)]

    scene = draw.scene(lambda scene: bool(pairs(scene)), min_objects=3)
    return (scene, *draw.pick(pairs(scene)))


def _predicate(draw: _Draw) -> _Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(draw, relation, lambda *_: True)
    question = f"What is the relation between the {object_phrase(a)} and the {object_phrase(b)}?"
    wrong = [other for other in RELATIONS if other != relation]
    return _Draft((scene,), question, relation, wrong, f"{sentence(a)} {sentence(b)}")


def _subject(draw: _Draw) -> _Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(
        draw, relation, lambda s, a, b: sum(_relation(t, b) == relation for t in s.objects if t is not b) == 1
    )
    wrong = _paired_phrases(draw, scene, a, [b])
    question = f"What is {relation} the {object_phrase(b)}?"
    return _Draft((scene,), question, object_phrase(a), wrong, f"{sentence(b)} {sentence(a)}")


def _object(draw: _Draw) -> _Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(
        draw, relation, lambda s, a, b: sum(_relation(a, t) == relation for t in s.objects if t is not a) == 1
    )
    wrong = _paired_phrases(draw, scene, b, [a])
    question = f"The {object_phrase(a)} is {relation} which object?"
    return _Draft((scene,), question, object_phrase(b), wrong, f"{sentence(a)} {sentence(b)}")


# --- the benchmarks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: (category, l2-category) → generator, and how many rows are drawn and scored together."""

    generators: dict[tuple[str, str], Callable]
    group_size: int = 1

    @property
    def categories(self) -> list[str]:
        """Category names in a fixed order."""
        return list(dict.fromkeys(category for category, _ in self.generators))


BENCHMARKS: dict[str, Benchmark] = {
    "MicroStar": Benchmark(
        {
            ("coarse perception", "background"): _background,
            ("coarse perception", "object count"): _object_count,
            ("coarse perception", "main color"): _main_color,
            ("fine-grained perception", "color"): _color_at,
            ("fine-grained perception", "shape"): _shape_at,
            ("fine-grained perception", "text"): _text_at,
            ("fine-grained perception", "localization"): _localization,
            ("instance reasoning", "spatial relation"): _spatial_relation,
            ("instance reasoning", "in common"): _in_common,
            ("logical reasoning", "removal"): _removal,
            ("logical reasoning", "true statement"): _true_statement,
            ("science & technology", "gravity"): _gravity,
            ("science & technology", "sunlight"): _sunlight,
            ("science & technology", "weight"): _weight,
            ("math", "digit sum"): _digit_sum,
            ("math", "number"): _counting,
        }
    ),
    "MicroWorldQA": Benchmark(
        {
            ("neighbor", "neighbor"): _neighbor,
            ("identity", "identity"): _identity,
            ("sides", "sides"): _sides,
            ("empty row", "empty row"): _empty_row,
        }
    ),
    # MME-RealWorld's scorer knows these tasks and subtasks only.
    "MicroHighRes": Benchmark(
        {
            ("Perception/OCR with Complex Context", "text"): _small_text,
            ("Perception/Remote Sensing", "color"): _small_color,
            ("Perception/Remote Sensing", "position"): _small_position,
            ("Reasoning/Monitoring", "number"): _small_count,
        }
    ),
    "MicroBlink": Benchmark(
        {
            ("Spot_the_Difference", "change"): _spot_the_change,
            ("Visual_Similarity", "which picture"): _which_picture_shows,
            ("Counting", "more objects"): _which_has_more,
            ("Visual_Correspondence", "shared object"): _correspondence,
        }
    ),
    "MicroMantis": Benchmark(
        {
            ("multi-choice", "reference"): _referred_color,
            ("multi-choice", "odd picture"): _odd_picture,
            ("multi-choice", "total"): _total,
            ("short-answer", "color"): _short_color,
            ("short-answer", "number"): _short_count,
        }
    ),
    "MicroHallusion": Benchmark(
        {("VD", name): _hallusion_set for name in ("color", "size", "shape", "text", "position", "presence")},
        group_size=4,
    ),
    "MicroCRPE": Benchmark(
        {("subject", "subject"): _subject, ("predicate", "predicate"): _predicate, ("object", "object"): _object},
        group_size=4,
    ),
}


def _lettered(draw: _Draw, name: str, keys: tuple[str, str], draft: _Draft) -> Question:
    """A question with its options in random order (MME-RealWorld: option E always says that the thing is absent)."""
    scenes, question, right, thought = draft.scenes, draft.question, draft.right, draft.thought
    if draft.wrong is None:
        return Question(name, *keys, scenes, question, None, right, thought)
    if name == "MicroHighRes":
        texts = draw.some(draft.wrong if right == ABSENT else [right, *draft.wrong[:3]], 4)
        texts.append(ABSENT)
    else:
        size = min(4, 1 + len(draft.wrong))
        texts = draw.some([right, *draft.wrong[:3]], size)
    options = dict(zip(LETTERS, texts, strict=False))
    return Question(name, *keys, scenes, question, options, LETTERS[texts.index(right)], thought)


def _turned(question: Question) -> list[Question]:
    """CRPE asks every question four times with its options turned; all four must be right."""
    texts, start = list(question.options.values()), LETTERS.index(question.answer)
    return [
        replace(
            question,
            options=dict(zip(LETTERS, texts[turn:] + texts[:turn], strict=False)),
            answer=LETTERS[(start - turn) % 4],
            slot=str(turn),
        )
        for turn in range(4)
    ]


def sample_group(
    rng: np.random.Generator,
    benchmark: str,
    category: str | tuple[str, str] | None = None,
    *,
    split: str | None = "train",
) -> list[Question]:
    """One group of questions that are scored together: four for MicroHallusion and MicroCRPE, else one.

    Args:
        rng: the only source of randomness.
        benchmark: a key of `BENCHMARKS`.
        category: one of the benchmark's categories, or a (category, l2-category) pair; None draws a category, each
            equally likely.
        split: the split of `viper.world.scene.split_of` that every picture belongs to; None: any.

    Raises:
        ViperError: unknown benchmark or category.
    """
    if benchmark not in BENCHMARKS:
        raise ViperError(f"unknown micro benchmark {benchmark!r}; known: {', '.join(BENCHMARKS)}")
    known = BENCHMARKS[benchmark]
    draw = _Draw(rng, split)
    category = category or draw.pick(known.categories)
    found = [keys for keys in known.generators if category in (keys, keys[0])]
    if not found:
        raise ViperError(f"unknown category {category!r} of {benchmark}; known: {', '.join(known.categories)}")
    keys = draw.pick(found)
    for _ in range(MAX_DRAWS):
        try:
            if benchmark == "MicroHallusion":
                return [
                    Question(benchmark, *keys, (scene,), question, None, answer, thought, slot)
                    for slot, scene, question, answer, thought in _hallusion_set(draw, keys[1])
                ]
            question = _lettered(draw, benchmark, keys, known.generators[keys](draw))
            return _turned(question) if benchmark == "MicroCRPE" else [question]
        except _ImpossibleError:
            continue
    raise RuntimeError(f"{benchmark}, {keys}: no pictures fit after {MAX_DRAWS} draws")


def sample_question(
    rng: np.random.Generator,
    benchmark: str,
    category: str | tuple[str, str] | None = None,
    *,
    split: str | None = "train",
) -> Question:
    """One question of `benchmark`, drawn from its group at random. Arguments and errors as in `sample_group`."""
    group = sample_group(rng, benchmark, category, split=split)
    return group[int(rng.integers(len(group)))]


def question_text(question: Question) -> str:
    """The TSV's column `question`: what the benchmark itself writes, before VLMEvalKit adds anything."""
    if question.benchmark == "MicroHallusion":
        return question.question + _YES_OR_NO
    if question.benchmark == "MicroCRPE":
        options = "\n".join(f"{letter}. {text}" for letter, text in question.options.items())
        return f"{question.question}\n{options}\n{_LETTER_ONLY}"
    return question.question


def real_world_choices(question: Question) -> str:
    """MME-RealWorld's column `multi-choice options`."""
    return REAL_WORLD_OPTIONS + "\n".join(f"({letter}) {text}" for letter, text in question.options.items())


def question_prompt(question: Question) -> str:
    """Exactly the text that the benchmark's VLMEvalKit class hands to the model (pictures come before it)."""
    text = question_text(question)
    if question.benchmark in ("MicroHallusion", "MicroCRPE"):
        return text
    if question.benchmark == "MicroHighRes":
        return f"{text} {real_world_choices(question)}\n{_REAL_WORLD}"
    if question.options is None:
        return f"Question: {text}\n"
    options = "".join(f"{letter}. {option}\n" for letter, option in question.options.items())
    return f"Question: {text}\nOptions:\n{options}{_SELECT}"


def wants_letter(question: Question) -> bool:
    """Whether nothing but the letter of an option is scored as right."""
    return question.benchmark in _WANT_A_LETTER


def said_answer(question: Question) -> str:
    """The answer as a model may say it: the option itself, or its letter where nothing else is scored as right.

    An option follows from what was seen; its letter has to be looked up besides.
    """
    if question.options is None or wants_letter(question):
        return question.answer
    return question.options[question.answer]

"""MicroStar: the six sub-domains of MMStar."""

from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark
from microworld.benchmarks.draws import (
    NUMBERS,
    PLACES,
    RELATIONS,
    Draft,
    Draw,
    ImpossibleError,
    all_objects,
    double_of,
    having,
    paired_phrases,
    places_of,
    related_pairs,
    shuffled_rest,
    tellable,
    where_are,
    where_shapes_are,
)
from microworld.grammar import background_phrase, background_sentence, object_phrase, sentence
from microworld.scene import CELLS, COLORS, GLYPHS, MAX_OBJECTS, SHADES, SHAPES, SIZES, TEXTURES, Object, cell_name


def _background(draw: Draw) -> Draft:
    scene = draw.scene()
    every = [f"{shade} and {texture}" for shade in SHADES for texture in TEXTURES]
    right = background_phrase(scene)
    wrong = draw.some([text for text in every if text != right], 3)
    return Draft((scene,), "What does the background look like?", right, wrong, background_sentence(scene))


def _object_count(draw: Draw) -> Draft:
    target = draw.pick(range(2, MAX_OBJECTS + 1))
    scene = draw.scene(min_objects=target, max_objects=target)
    wrong = [NUMBERS[n] for n in range(2, MAX_OBJECTS + 1) if n != target]
    return Draft((scene,), "How many objects are in the picture?", NUMBERS[target], wrong, all_objects(scene))


def _is_most(values: list[str], value: str) -> bool:
    """Whether there is more of a value than of any other, and some other."""
    ranked = Counter(values).most_common(2)
    return ranked[0][0] == value and len(ranked) > 1 and ranked[0][1] > ranked[1][1]


def _main_color(draw: Draw) -> Draft:
    color = draw.pick(COLORS)
    scene = draw.scene(lambda scene: _is_most([thing.color for thing in scene.objects], color))
    wrong = shuffled_rest(draw, color, [thing.color for thing in scene.objects], COLORS, 3)
    return Draft(
        (scene,), "Which color do most objects have?", color, wrong, where_are(having(scene, color=color), color)
    )


def _topic(draw: Draw) -> Draft:
    shape = draw.pick(SHAPES)
    scene = draw.scene(lambda scene: scene.objects[0].kind == shape, min_objects=1, max_objects=1)
    wrong = draw.some([other for other in SHAPES if other != shape], 3)
    return Draft((scene,), "Which shape does the picture show?", shape, wrong, sentence(scene.objects[0]))


def _main_shape(draw: Draw) -> Draft:
    shape = draw.pick(SHAPES)
    scene = draw.scene(lambda scene: _is_most([thing.kind for thing in scene.objects], shape))
    present = [thing.kind for thing in scene.objects if not thing.is_glyph]
    wrong = shuffled_rest(draw, shape, present, SHAPES, 3)
    return Draft(
        (scene,), "Which shape do most objects have?", shape, wrong, where_shapes_are(having(scene, kind=shape), shape)
    )


def _attribute_at(draw: Draw, attribute: str) -> Draft:
    """Color, shape or text of the object at a place; half of the objects asked for are small."""
    values = {"color": COLORS, "shape": SHAPES, "text": GLYPHS}[attribute]
    field = "color" if attribute == "color" else "kind"
    target, size = draw.pick(values), draw.pick(SIZES)
    scene = draw.scene(lambda scene: bool(having(scene, **{field: target, "size": size})))
    thing = draw.pick(having(scene, **{field: target, "size": size}))
    present = [getattr(other, field) for other in scene.objects if getattr(other, field) in values]
    wrong = shuffled_rest(draw, target, present, values, 3)
    what = "Which text is" if attribute == "text" else f"Which {attribute} is the object"
    return Draft((scene,), f"{what} at the {cell_name(thing.cell)}?", target, wrong, sentence(thing))


def _color_at(draw: Draw) -> Draft:
    return _attribute_at(draw, "color")


def _shape_at(draw: Draw) -> Draft:
    return _attribute_at(draw, "shape")


def _text_at(draw: Draw) -> Draft:
    return _attribute_at(draw, "text")


def _localization(draw: Draw) -> Draft:
    cell = draw.pick(CELLS)
    scene = draw.scene(lambda scene: scene.at(cell) in tellable(scene))
    thing = scene.at(cell)
    wrong = shuffled_rest(draw, cell_name(cell), [cell_name(other.cell) for other in scene.objects], PLACES, 3)
    return Draft((scene,), f"Where is the {object_phrase(thing)}?", cell_name(cell), wrong, sentence(thing))


def _spatial_relation(draw: Draw) -> Draft:
    target = draw.pick(RELATIONS)
    scene = draw.scene(lambda scene: bool(related_pairs(scene, target)))
    a, b = draw.pick(related_pairs(scene, target))
    question = f"Where is the {object_phrase(a)} compared to the {object_phrase(b)}?"
    return Draft((scene,), question, target, [r for r in RELATIONS if r != target], f"{sentence(a)} {sentence(b)}")


def _in_common(draw: Draw) -> Draft:
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
    question = f"What do the objects at {places_of([a, b])} have in common?"
    return Draft((scene,), question, target, wrong, f"{sentence(a)} {sentence(b)}")


def _removal(draw: Draw) -> Draft:
    target = draw.pick(range(0, 4))

    def groups(scene):
        looks = {thing.color for thing in scene.objects} | {thing.size for thing in scene.objects}
        rest = {look: [t for t in scene.objects if look not in (t.color, t.size)] for look in looks}
        return {look: things for look, things in rest.items() if len(things) == target}

    scene = draw.scene(lambda scene: bool(groups(scene)))
    look, rest = draw.pick(sorted(groups(scene).items()))
    if len(rest) > 1:
        thought = f"Other objects are at {places_of(rest)}."
    else:
        thought = f"Another object is at {places_of(rest)}." if rest else f"All objects are {look}."
    question = f"All {look} objects are taken away. How many objects are left?"
    wrong = [NUMBERS[n] for n in range(0, 4) if n != target]
    return Draft((scene,), question, NUMBERS[target], wrong, thought)


def _left_over(draw: Draw) -> Draft:
    """The one object that is left when all of a size are gone, by color and kind."""
    size = draw.pick(SIZES)
    return _only(draw, size, f"All {_other_size(size)} objects are taken away. Which one is left?")


def _true_statement(draw: Draw) -> Draft:
    scene = draw.scene(min_objects=3)
    truth, *others = draw.some(scene.objects, 3)
    # Half of the time the double of the truth is among them, so that a pair of look-alikes tells nothing.
    things = [*others, draw.pick((truth, truth, *others))]
    wrong = list(dict.fromkeys(sentence(double_of(draw, thing, scene.objects)) for thing in things))
    if len(wrong) < 3:
        raise ImpossibleError
    return Draft((scene,), "Which statement is true?", sentence(truth), wrong, sentence(truth))


def _extreme(draw: Draw, question: str, key: Callable[[Object], int]) -> Draft:
    """The one object with the greatest `key`, asked for by `question`."""

    def leaders(scene):
        best = max(map(key, scene.objects))
        return [thing for thing in scene.objects if key(thing) == best]

    scene = draw.scene(lambda s: len(leaders(s)) == 1 and leaders(s)[0] in tellable(s), min_objects=3)
    thing = leaders(scene)[0]
    return Draft((scene,), question, object_phrase(thing), paired_phrases(draw, scene, thing), sentence(thing))


def _gravity(draw: Draw) -> Draft:
    return _extreme(draw, "All objects fall. Which one reaches the ground first?", lambda thing: thing.cell // 3)


def _sunlight(draw: Draw) -> Draft:
    if draw.pick((True, False)):
        return _extreme(draw, "The sun is low on the left. Which object does it reach first?", lambda t: -(t.cell % 3))
    return _extreme(draw, "The sun is low on the right. Which object does it reach first?", lambda t: t.cell % 3)


def _only(draw: Draw, size: str, question: str) -> Draft:
    """The one object of a size, by color and kind; the others, all unlike it in these, are of the other size."""

    def fits(scene):
        looks = {(thing.color, thing.kind) for thing in scene.objects}
        return len(having(scene, size=size)) == 1 and len(looks) == len(scene.objects) >= 4

    scene = draw.scene(fits)
    (thing,) = having(scene, size=size)
    wrong = [f"{other.color} {other.kind}" for other in draw.some([o for o in scene.objects if o is not thing], 3)]
    return Draft((scene,), question, f"{thing.color} {thing.kind}", wrong, sentence(thing))


def _other_size(size: str) -> str:
    return SIZES[1 - SIZES.index(size)]


def _weight(draw: Draw) -> Draft:
    return _only(draw, "large", "All objects are made of iron. Which one is the heaviest?")


def _odd_size(draw: Draw) -> Draft:
    size = draw.pick(SIZES)
    return _only(draw, size, f"Which object is {size}?")


def _digit_sum(draw: Draw) -> Draft:
    digit, plus = draw.pick((2, 4, 7)), draw.pick((1, 2))

    def fits(scene):
        digits = [(thing.kind, thing.size) for thing in scene.objects if thing.kind.startswith("digit")]
        return digits == [(f"digit {digit}", "small")]

    scene = draw.scene(fits)
    (thing,) = having(scene, kind=f"digit {digit}")
    question = f"What is the digit in the picture plus {NUMBERS[plus]}?"
    wrong = [NUMBERS[other + plus] for other in (2, 4, 7) if other != digit]
    return Draft((scene,), question, NUMBERS[digit + plus], wrong, sentence(thing))


def _counting(draw: Draw) -> Draft:
    look, target = draw.pick(COLORS + SIZES), draw.pick(range(0, 4))
    scene = draw.scene(lambda s: len([t for t in s.objects if look in (t.color, t.size)]) == target)
    things = [thing for thing in scene.objects if look in (thing.color, thing.size)]
    wrong = [NUMBERS[n] for n in range(0, 4) if n != target]
    return Draft((scene,), f"How many {look} objects are there?", NUMBERS[target], wrong, where_are(things, look))


class MicroStar(Benchmark):
    """Twenty kinds of question in six categories."""

    name = "MicroStar"
    imitates = "MMStar"
    generators: ClassVar = {
        ("coarse perception", "background"): _background,
        ("coarse perception", "object count"): _object_count,
        ("coarse perception", "main color"): _main_color,
        ("coarse perception", "main shape"): _main_shape,
        ("coarse perception", "topic"): _topic,
        ("fine-grained perception", "color"): _color_at,
        ("fine-grained perception", "shape"): _shape_at,
        ("fine-grained perception", "text"): _text_at,
        ("fine-grained perception", "localization"): _localization,
        ("instance reasoning", "spatial relation"): _spatial_relation,
        ("instance reasoning", "in common"): _in_common,
        ("instance reasoning", "odd size"): _odd_size,
        ("logical reasoning", "removal"): _removal,
        ("logical reasoning", "left over"): _left_over,
        ("logical reasoning", "true statement"): _true_statement,
        ("science & technology", "gravity"): _gravity,
        ("science & technology", "sunlight"): _sunlight,
        ("science & technology", "weight"): _weight,
        ("math", "digit sum"): _digit_sum,
        ("math", "number"): _counting,
    }

"""MicroBlink: two pictures, as BLINK."""

import re
from dataclasses import replace
from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark
from microworld.benchmarks.draws import NUMBERS, PLACES, Draft, Draw, ImpossibleError, double_of
from microworld.grammar import object_phrase, sentence, statement
from microworld.operations import OPERATION_TYPES
from microworld.scene import COLORS, GLYPHS, MAX_OBJECTS, SHAPES, Scene, cell_name, make_scene


def _misread(draw: Draw, text: str) -> str:
    """`text` with one color, kind or place exchanged for another that the sentence does not hold already."""

    def holds(word):
        return re.search(rf"\b{word}\b", text) is not None

    families = (COLORS, SHAPES, GLYPHS, PLACES)
    word, family = draw.pick([(word, family) for family in families for word in family if holds(word)])
    other = draw.pick([word for word in family if not holds(word)])
    return re.sub(rf"\b{word}\b", other, text)


def _spot_the_change(draw: Draw) -> Draft:
    before = draw.scene()
    operation, after = draw.changed(before, OPERATION_TYPES)
    other, elsewhere = draw.changed(before, OPERATION_TYPES)
    if _looks(elsewhere) == _looks(after):
        raise ImpossibleError
    right, false = statement(operation), statement(other)
    wrong = [_misread(draw, right), false, _misread(draw, false)]
    if len({right, *wrong}) < 4:
        raise ImpossibleError
    return Draft((before, after), "What was changed from the first to the second picture?", right, wrong, right)


def _looks(scene: Scene) -> list[tuple]:
    """What is where, without jitter."""
    return [(object_phrase(thing), thing.cell) for thing in scene.objects]


def _which_picture_shows(draw: Draw) -> Draft:
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
        thing = double_of(draw, draw.pick((old, new)), [old, new])
    else:
        thing = old if target == "the first picture" else new
    wrong = [text for text in answers if text != target]
    question = f"Which picture shows a {object_phrase(thing)} at the {cell_name(thing.cell)}?"
    return Draft((first, second), question, target, wrong, thought)


def _which_has_more(draw: Draw) -> Draft:
    answers = ("the first picture", "the second picture", "the same number")
    target = draw.pick(answers)
    sizes = range(2, MAX_OBJECTS + 1)
    pairs = [(a, b) for a in sizes for b in sizes if answers[0 if a > b else 1 if b > a else 2] == target]
    a, b = draw.pick(pairs)
    scenes = tuple(draw.scene(min_objects=n, max_objects=n) for n in (a, b))
    thought = f"The first picture has {NUMBERS[a]} objects and the second has {NUMBERS[b]} objects."
    wrong = [text for text in answers if text != target]
    return Draft(scenes, "Which picture has more objects?", target, wrong, thought)


def _correspondence(draw: Draw) -> Draft:
    first, second = draw.scene(min_objects=3), draw.scene(min_objects=3)
    shared, place = draw.pick(first.objects), draw.pick(second.objects)
    moved = replace(shared, cell=place.cell)
    second = make_scene([*(t for t in second.objects if t is not place), moved], second.shade, second.texture)
    phrases = [{object_phrase(thing) for thing in scene.objects} for scene in (first, second)]
    if not draw.allowed(second) or len(phrases[0] & phrases[1]) != 1:
        raise ImpossibleError
    right = object_phrase(shared)
    wrong = [*draw.some(sorted(phrases[0] - {right}), 1), *draw.some(sorted(phrases[1] - {right}), 1)]
    wrong.append(draw.pick(sorted((phrases[0] | phrases[1]) - {right, *wrong})))
    return Draft(
        (first, second), "Which object is in both pictures?", right, wrong, f"{sentence(shared)} {sentence(moved)}"
    )


class MicroBlink(Benchmark):
    """Four kinds of question about two pictures."""

    name = "MicroBlink"
    imitates = "BLINK"
    generators: ClassVar = {
        ("Spot_the_Difference", "change"): _spot_the_change,
        ("Visual_Similarity", "which picture"): _which_picture_shows,
        ("Counting", "more objects"): _which_has_more,
        ("Visual_Correspondence", "shared object"): _correspondence,
    }

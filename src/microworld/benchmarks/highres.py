"""MicroHighRes: small things that may be missing (option E), as MME-RealWorld."""

from collections.abc import Sequence
from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark, Question
from microworld.benchmarks.draws import (
    CORNERS,
    NUMBERS,
    Draft,
    Draw,
    double_of,
    having,
    in_order,
    tellable,
    where_are,
)
from microworld.grammar import object_phrase, sentence
from microworld.scene import COLORS, GLYPHS, SHAPES, cell_name
from viper.evaluation.scoring import RealWorld

ABSENT = "The picture does not show it."  # option E of MME-RealWorld: the thing asked for is not there

# What the VLMEvalKit class puts around a question; a test compares it with the class itself.
OPTIONS = "The choices are listed below:\n"
# Every kind of question has four options of its own, the same in every item.
_COLORS, _TEXTS, _PLACES = COLORS[:4], (GLYPHS[0], GLYPHS[2], GLYPHS[4], GLYPHS[6]), CORNERS
_ASK = (
    "Select the best answer to the above multiple-choice question based on the image. "
    "Respond with only the letter (A, B, C, D, or E) of the correct option. \nThe best answer is:"
)


def _small_color(draw: Draw) -> Draft:
    kind, color = draw.pick(SHAPES), draw.pick((*_COLORS, ABSENT))

    def fits(scene):
        small = having(scene, size="small", kind=kind)
        if color == ABSENT:
            return not small and bool(having(scene, size="large", kind=kind))
        return [thing.color for thing in small] == [color]

    scene = draw.scene(fits)
    seen = having(scene, size="small", kind=kind)
    thought = sentence(seen[0]) if seen else f"There is no small {kind}."
    return Draft((scene,), f"Which color is the small {kind}?", color, _others(color, _COLORS), thought)


def _small_text(draw: Draw) -> Draft:
    text = draw.pick((*_TEXTS, ABSENT))

    def fits(scene):
        small = [thing.kind for thing in scene.objects if thing.is_glyph and thing.size == "small"]
        return not small and any(thing.is_glyph for thing in scene.objects) if text == ABSENT else small == [text]

    scene = draw.scene(fits)
    seen = having(scene, size="small", kind=text)
    thought = sentence(seen[0]) if seen else "There is no small text."
    return Draft((scene,), "Which small text can you read?", text, _others(text, _TEXTS), thought)


def _small_position(draw: Draw) -> Draft:
    place = draw.pick((*_PLACES, ABSENT))

    def fits(scene):
        return [
            thing for thing in tellable(scene) if thing.size == "small" and cell_name(thing.cell) in (place, ABSENT)
        ]

    if place == ABSENT:
        scene = draw.scene()
        missing = double_of(draw, draw.pick(having(scene, size="small")), scene.objects)
        question, thought = f"Where is the {object_phrase(missing)}?", f"There is no {object_phrase(missing)}."
    else:
        scene = draw.scene(lambda scene: bool(fits(scene)))
        (thing,) = fits(scene)
        question, thought = f"Where is the {object_phrase(thing)}?", sentence(thing)
    return Draft((scene,), question, place, _others(place, _PLACES), thought)


def _small_count(draw: Draw) -> Draft:
    target = draw.pick(range(0, 5))
    scene = draw.scene(lambda scene: len(having(scene, size="small")) == target)
    thought = where_are(having(scene, size="small"), "small")
    right = NUMBERS[target] if target else ABSENT
    return Draft((scene,), "How many small objects are there?", right, _others(right, NUMBERS[1:5]), thought)


def _others(right: str, options: Sequence[str]) -> list[str]:
    """The options of a kind of question that are wrong; option E is added to every question."""
    return [option for option in options if option != right]


class MicroHighRes(Benchmark):
    """MME-RealWorld's tasks and subtasks, as its scorer knows these only; it reads the first letter of an answer."""

    name = "MicroHighRes"
    imitates = "MME-RealWorld"
    generators: ClassVar = {
        ("Perception/OCR with Complex Context", "text"): _small_text,
        ("Perception/Remote Sensing", "color"): _small_color,
        ("Perception/Remote Sensing", "position"): _small_position,
        ("Reasoning/Monitoring", "number"): _small_count,
    }
    scoring = RealWorld()
    wants_letter = True

    def options(self, draw: Draw, draft: Draft) -> list[str]:
        """Four options, and E, which always says that the thing is absent."""
        return [*in_order({draft.right, *draft.wrong} - {ABSENT}), ABSENT]

    def prompt(self, question: Question) -> str:
        return f"{self.text(question)} {choices(question)}\n{_ASK}"

    def columns(self, question: Question, number: int) -> dict[str, object]:
        return {**question.options, "multi-choice options": choices(question)}


def choices(question: Question) -> str:
    """MME-RealWorld's column `multi-choice options`."""
    return OPTIONS + "\n".join(f"({letter}) {text}" for letter, text in question.options.items())

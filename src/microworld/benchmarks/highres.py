"""MicroHighRes: small things that may be missing (option E), as MME-RealWorld."""

from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark, Question
from microworld.benchmarks.draws import (
    NUMBERS,
    PLACES,
    Draft,
    Draw,
    double_of,
    having,
    shuffled_rest,
    tellable,
    where_are,
)
from microworld.grammar import object_phrase, sentence
from microworld.scene import COLORS, GLYPHS, SHAPES, cell_name
from viper.evaluation.scoring import RealWorld

ABSENT = "The picture does not show it."  # option E of MME-RealWorld: the thing asked for is not there

# What the VLMEvalKit class puts around a question; a test compares it with the class itself.
OPTIONS = "The choices are listed below:\n"
_ASK = (
    "Select the best answer to the above multiple-choice question based on the image. "
    "Respond with only the letter (A, B, C, D, or E) of the correct option. \nThe best answer is:"
)


def _small_color(draw: Draw) -> Draft:
    kind, color = draw.pick(SHAPES), draw.pick((*COLORS, None, None))

    def fits(scene):
        small = having(scene, size="small", kind=kind)
        if color is None:
            return not small and bool(having(scene, size="large", kind=kind))
        return [thing.color for thing in small] == [color]

    scene = draw.scene(fits)
    question = f"Which color is the small {kind}?"
    present = [thing.color for thing in scene.objects]
    if color is None:
        wrong = shuffled_rest(draw, "", present, COLORS, 4)
        return Draft((scene,), question, ABSENT, wrong, f"There is no small {kind}.")
    thought = sentence(having(scene, size="small", kind=kind)[0])
    return Draft((scene,), question, color, shuffled_rest(draw, color, present, COLORS, 3), thought)


def _small_text(draw: Draw) -> Draft:
    text = draw.pick((*GLYPHS, None, None))

    def fits(scene):
        small = [thing.kind for thing in scene.objects if thing.is_glyph and thing.size == "small"]
        return small == [text] if text else not small and any(thing.is_glyph for thing in scene.objects)

    scene = draw.scene(fits)
    present = [thing.kind for thing in scene.objects if thing.is_glyph]
    if text is None:
        wrong = shuffled_rest(draw, "", present, GLYPHS, 4)
        return Draft((scene,), "Which small text can you read?", ABSENT, wrong, "There is no small text.")
    thought = sentence(having(scene, size="small", kind=text)[0])
    wrong = shuffled_rest(draw, text, present, GLYPHS, 3)
    return Draft((scene,), "Which small text can you read?", text, wrong, thought)


def _small_position(draw: Draw) -> Draft:
    absent = draw.pick((True, False, False, False, False))
    scene = draw.scene(lambda scene: any(thing.size == "small" for thing in tellable(scene)))
    thing = draw.pick([thing for thing in tellable(scene) if thing.size == "small"])
    seen = [cell_name(thing.cell) for thing in scene.objects]
    if absent:
        missing = double_of(draw, thing, scene.objects)
        question = f"Where is the {object_phrase(missing)}?"
        wrong = shuffled_rest(draw, "", seen, PLACES, 4)
        return Draft((scene,), question, ABSENT, wrong, f"There is no {object_phrase(missing)}.")
    wrong = shuffled_rest(draw, cell_name(thing.cell), seen, PLACES, 3)
    return Draft((scene,), f"Where is the {object_phrase(thing)}?", cell_name(thing.cell), wrong, sentence(thing))


def _small_count(draw: Draw) -> Draft:
    target = draw.pick(range(0, 5))
    scene = draw.scene(lambda scene: len(having(scene, size="small")) == target)
    thought = where_are(having(scene, size="small"), "small")
    question = "How many small objects are there?"
    right = NUMBERS[target] if target else ABSENT
    wrong = [NUMBERS[n] for n in range(1, 5) if n != target]
    return Draft((scene,), question, right, wrong, thought)


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
        """Four options in random order, and E, which always says that the thing is absent."""
        texts = draw.some(draft.wrong if draft.right == ABSENT else [draft.right, *draft.wrong[:3]], 4)
        return [*texts, ABSENT]

    def prompt(self, question: Question) -> str:
        return f"{self.text(question)} {choices(question)}\n{_ASK}"

    def columns(self, question: Question, number: int) -> dict[str, object]:
        return {**question.options, "multi-choice options": choices(question)}


def choices(question: Question) -> str:
    """MME-RealWorld's column `multi-choice options`."""
    return OPTIONS + "\n".join(f"({letter}) {text}" for letter, text in question.options.items())

"""MicroHallusion: two figures, two questions each, as HallusionBench."""

from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark, Keys, Question
from microworld.benchmarks.draws import Draw, ImpossibleError
from microworld.findings import matches
from microworld.grammar import object_phrase, sentence
from microworld.operations import propose
from microworld.scene import Object, Scene, cell_name
from viper.evaluation.scoring import YesOrNo

# Part of the question text in the official HallusionBench, as commonly prompted.
_YES_OR_NO = " Please answer yes or no."


# Which of the two figures a question is true of; and the two questions' of a set. What one figure alone shows can be
# asked once: the figures differ in one thing.
_TRUTHS = ((True, True), (True, False), (False, True), (False, False))
_PAIRS = [(a, b) for a in _TRUTHS for b in _TRUTHS if a != b or a[0] == a[1]]
_MOST_PICTURES = 100


def _hallusion_set(draw: Draw, kind: str) -> list[tuple[str, Scene, str, str, str]]:
    """One set: (slot, scene, question, answer, thought) for two figures times two questions.

    What the answers are is drawn before the pictures, each pair of `_PAIRS` equally likely. So whoever says Yes always,
    or No, or tosses a coin, has half of the answers right, and of figures and questions a quarter on average: nothing
    is earned without looking.
    """
    wanted = draw.pick(_PAIRS)
    for _ in range(_MOST_PICTURES):
        try:
            scenes, asked = _figures(draw, kind, wanted)
        except ImpossibleError:
            continue
        return [
            (
                f"{figure}_{place}",
                scene,
                f"Is there a {object_phrase(thing)} at the {cell_name(thing.cell)}?",
                "Yes" if _is_there(thing, scene) else "No",
                sentence(shown) if (shown := scene.at(thing.cell)) else f"Nothing is at the {cell_name(thing.cell)}.",
            )
            for figure, scene in enumerate(scenes)
            for place, thing in enumerate(asked)
        ]
    raise ImpossibleError


def _figures(draw: Draw, kind: str, wanted: tuple) -> tuple[tuple[Scene, Scene], list[Object]]:
    """Two figures that differ by an operation of `kind` (presence: a thing gone, another come), and what is asked for.

    What is asked for in vain differs from something shown in what `kind` says.
    """
    first = draw.scene()
    if kind == "presence":
        _, emptier = draw.changed(first, ("remove",))
        _, second = draw.changed(emptier, ("add",))
    else:
        _, second = draw.changed(first, (kind,))
    shown = list(dict.fromkeys([*first.objects, *second.objects]))
    change = "position" if kind == "presence" else kind
    wrong = [propose(draw.rng, scene, change, thing) for scene in (first, second) for thing in scene.objects]
    said = shown + [operation.after for operation in wrong if operation is not None]
    if kind != "size":  # what is large would be told apart too easily
        said = [thing for thing in said if thing.size == "small"]
    asked: list[Object] = []
    for truths in wanted:
        asked.append(draw.pick([o for o in said if o not in asked and _truths(o, (first, second)) == truths]))
    return (first, second), asked


def _truths(thing: Object, scenes: tuple[Scene, Scene]) -> tuple[bool, ...]:
    return tuple(_is_there(thing, scene) for scene in scenes)


def _is_there(thing: Object, scene: Scene) -> bool:
    return matches(thing, scene.at(thing.cell))


class MicroHallusion(Benchmark):
    """Sets of four questions; VLMEvalKit takes set, figure and question from the index."""

    name = "MicroHallusion"
    imitates = "HallusionBench"
    generators: ClassVar = {
        ("VD", name): _hallusion_set for name in ("color", "size", "shape", "text", "position", "presence")
    }
    scoring = YesOrNo()
    group_size = 4

    def draw_group(self, draw: Draw, keys: Keys) -> list[Question]:
        return [
            Question(self.name, *keys, (scene,), question, None, answer, thought, slot)
            for slot, scene, question, answer, thought in self.generators[keys](draw, keys[1])
        ]

    def text(self, question: Question) -> str:
        return question.question + _YES_OR_NO

    def prompt(self, question: Question) -> str:
        return self.text(question)

    def columns(self, question: Question, number: int) -> dict[str, object]:
        return {"index": f"VD_{question.l2_category}_0_{number}_{question.slot}"}

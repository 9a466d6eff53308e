"""MicroHallusion: two figures, two questions each, as HallusionBench."""

from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark, Keys, Question
from microworld.benchmarks.draws import NUMBERS, Draw, ImpossibleError, all_objects
from microworld.grammar import object_phrase, sentence
from microworld.scene import Scene, cell_name
from viper.evaluation.scoring import YesOrNo

# Part of the question text in the official HallusionBench, as commonly prompted.
_YES_OR_NO = " Please answer yes or no."


def _hallusion_set(draw: Draw, kind: str) -> list[tuple[str, Scene, str, str, str]]:
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
            raise ImpossibleError
        asked = [
            f"Is there a {object_phrase(thing)} at the {cell_name(thing.cell)}?",
            f"Are there {NUMBERS[fewer]} objects in the picture?",
        ]
        nothing = f"Nothing is at the {cell_name(thing.cell)}."
        thoughts = [
            [sentence(thing) if scene.at(thing.cell) else nothing, all_objects(scene)] for scene in (first, second)
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

"""MicroWorldQA: cluttered scenes, everyday spatial questions, as RealWorldQA."""

from collections.abc import Callable
from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark
from microworld.benchmarks.draws import Draft, Draw, all_objects, paired_phrases, tellable
from microworld.grammar import object_phrase, sentence
from microworld.scene import ROWS, Scene, cell_name


def _cluttered(draw: Draw, fits: Callable[[Scene], bool] = lambda scene: True) -> Scene:
    return draw.scene(lambda scene: scene.texture != "plain" and fits(scene), min_objects=4)


def _neighbor(draw: Draw) -> Draft:
    step, words = draw.pick(((-1, "to the left of"), (1, "to the right of"), (-3, "above"), (3, "below")))
    nothing = draw.pick((True, False, False, False))

    def pairs(scene):
        for thing in tellable(scene):
            row, col = divmod(thing.cell, 3)
            if (col + step in range(3)) if abs(step) == 1 else (row + step // 3 in range(3)):
                other = scene.at(thing.cell + step)
                if (other is None) == nothing and (other is None or other in tellable(scene)):
                    yield thing, other

    scene = _cluttered(draw, lambda scene: any(pairs(scene)))
    thing, other = draw.pick(list(pairs(scene)))
    place = cell_name(thing.cell + step)
    question = f"What is directly {words} the {object_phrase(thing)}?"
    seen = other or draw.pick([o for o in scene.objects if o is not thing])
    double, second, double_of_second = paired_phrases(draw, scene, seen, [thing])
    # With one double only, it belongs to the right option two times in three: then the text tells nothing.
    texts = [object_phrase(seen), second, draw.pick((double, double, double_of_second))]
    if nothing:
        return Draft((scene,), question, "nothing", texts, f"{sentence(thing)} Nothing is at the {place}.")
    return Draft((scene,), question, texts[0], ["nothing", *texts[1:]], f"{sentence(thing)} {sentence(other)}")


def _identity(draw: Draw) -> Draft:
    scene = _cluttered(draw)
    thing = draw.pick(scene.objects)
    wrong = paired_phrases(draw, scene, thing)
    return Draft((scene,), f"What is at the {cell_name(thing.cell)}?", object_phrase(thing), wrong, sentence(thing))


def _sides(draw: Draw) -> Draft:
    target = draw.pick(("left", "right", "the same"))

    def fits(scene):
        left, right = (sum(thing.cell % 3 == col for thing in scene.objects) for col in (0, 2))
        return target == ("left" if left > right else "right" if right > left else "the same")

    scene = _cluttered(draw, fits)
    wrong = [text for text in ("left", "right", "the same") if text != target]
    question = "Does the left or the right column have more objects?"
    return Draft((scene,), question, target, wrong, all_objects(scene))


def _empty_row(draw: Draw) -> Draft:
    target = draw.pick((*ROWS, "none"))

    def fits(scene):
        empty = [row for i, row in enumerate(ROWS) if not any(thing.cell // 3 == i for thing in scene.objects)]
        return (empty or ["none"]) == [target]

    scene = _cluttered(draw, fits)
    wrong = [f"the {row} row" for row in ROWS if row != target] + ["no row"] * (target != "none")
    right = "no row" if target == "none" else f"the {target} row"
    return Draft((scene,), "Which row is empty?", right, wrong, all_objects(scene))


class MicroWorldQA(Benchmark):
    """Four kinds of question about crowded pictures."""

    name = "MicroWorldQA"
    imitates = "RealWorldQA"
    generators: ClassVar = {
        ("neighbor", "neighbor"): _neighbor,
        ("identity", "identity"): _identity,
        ("sides", "sides"): _sides,
        ("empty row", "empty row"): _empty_row,
    }

"""MicroMantis: two or three pictures, some answers free, as Mantis-Eval."""

from typing import ClassVar

from microworld.benchmarks.benchmark import Benchmark
from microworld.benchmarks.draws import NUMBERS, ORDINALS, Draft, Draw, all_objects, having, shuffled_rest
from microworld.grammar import sentence
from microworld.scene import COLORS, MAX_OBJECTS, SHAPES, cell_name
from viper.evaluation.scoring import Mantis


def _referred_color(draw: Draw) -> Draft:
    which, color = draw.pick(range(3)), draw.pick(COLORS)
    scenes = [draw.scene() for _ in range(3)]
    scenes[which] = draw.scene(lambda scene: bool(having(scene, color=color)))
    thing = draw.pick(having(scenes[which], color=color))
    present = [other.color for scene in scenes for other in scene.objects]
    question = f"Which color is the object at the {cell_name(thing.cell)} in the {ORDINALS[which]} picture?"
    return Draft(tuple(scenes), question, color, shuffled_rest(draw, color, present, COLORS, 3), sentence(thing))


def _referred_shape(draw: Draw) -> Draft:
    which, shape = draw.pick(range(3)), draw.pick(SHAPES)
    scenes = [draw.scene() for _ in range(3)]
    scenes[which] = draw.scene(lambda scene: bool(having(scene, kind=shape)))
    thing = draw.pick(having(scenes[which], kind=shape))
    present = [other.kind for scene in scenes for other in scene.objects if not other.is_glyph]
    question = f"Which shape is the object at the {cell_name(thing.cell)} in the {ORDINALS[which]} picture?"
    return Draft(tuple(scenes), question, shape, shuffled_rest(draw, shape, present, SHAPES, 3), sentence(thing))


def _odd_picture(draw: Draw) -> Draft:
    which, kind = draw.pick(range(3)), draw.pick(SHAPES)
    scenes = tuple(
        draw.scene(lambda scene, lacks=(i == which): bool(having(scene, kind=kind)) != lacks) for i in range(3)
    )
    wrong = [f"the {ORDINALS[i]} picture" for i in range(3) if i != which]
    thought = f"The {ORDINALS[which]} picture has no {kind}."
    return Draft(scenes, f"Which picture has no {kind}?", f"the {ORDINALS[which]} picture", wrong, thought)


def _total(draw: Draw) -> Draft:
    color, total = draw.pick(COLORS), draw.pick(range(0, 5))
    first = draw.pick([n for n in range(0, 3) if 0 <= total - n <= 2])
    parts = (first, total - first)
    scenes = tuple(draw.scene(lambda s, n=n: len(having(s, color=color)) == n) for n in parts)
    thought = f"The first picture has {NUMBERS[first]} {color} objects and the second has {NUMBERS[total - first]}."
    question = f"How many {color} objects are in both pictures together?"
    wrong = draw.some([NUMBERS[n] for n in range(0, 5) if n != total], 3)
    return Draft(scenes, question, NUMBERS[total], wrong, thought)


def _short_color(draw: Draw) -> Draft:
    which, kind, color = draw.pick(range(2)), draw.pick(SHAPES), draw.pick(COLORS)
    scenes = [draw.scene() for _ in range(2)]
    scenes[which] = draw.scene(lambda scene: [t.color for t in having(scene, kind=kind)] == [color])
    (thing,) = having(scenes[which], kind=kind)
    question = f"Which color is the {kind} in the {ORDINALS[which]} picture? Answer with one word."
    return Draft(tuple(scenes), question, color, None, sentence(thing))


def _short_shape(draw: Draw) -> Draft:
    which, shape = draw.pick(range(2)), draw.pick(SHAPES)
    scenes = [draw.scene() for _ in range(2)]
    scenes[which] = draw.scene(lambda scene: bool(having(scene, kind=shape)))
    thing = draw.pick(having(scenes[which], kind=shape))
    where = f"at the {cell_name(thing.cell)} in the {ORDINALS[which]} picture"
    return Draft(
        tuple(scenes), f"Which shape is the object {where}? Answer with one word.", shape, None, sentence(thing)
    )


def _short_count(draw: Draw) -> Draft:
    which, target = draw.pick(range(2)), draw.pick(range(2, MAX_OBJECTS + 1))
    scenes = [draw.scene() for _ in range(2)]
    scenes[which] = draw.scene(min_objects=target, max_objects=target)
    question = f"How many objects are in the {ORDINALS[which]} picture? Answer with one word."
    return Draft(tuple(scenes), question, NUMBERS[target], None, all_objects(scenes[which]))


class MicroMantis(Benchmark):
    """Multiple choice and short answers."""

    name = "MicroMantis"
    imitates = "Mantis-Eval"
    generators: ClassVar = {
        ("multi-choice", "reference"): _referred_color,
        ("multi-choice", "shape reference"): _referred_shape,
        ("multi-choice", "odd picture"): _odd_picture,
        ("multi-choice", "total"): _total,
        ("short-answer", "color"): _short_color,
        ("short-answer", "number"): _short_count,
        ("short-answer", "shape"): _short_shape,
    }
    scoring = Mantis()

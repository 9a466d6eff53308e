"""Pictures with one small object that decides the answer, and a question of the same form that no picture decides."""

from dataclasses import replace

import numpy as np

from microworld.benchmarks.draws import Draw
from microworld.draw import render
from microworld.grammar import object_phrase, sentence
from microworld.scene import COLORS, Object, Scene, cell_name
from viper.pictures import png
from viper.synthesis.rows import row_seed


def draw(seed: int, size: int, pictures: str) -> list[dict[str, object]]:
    """`size` needles: id, picture and `without` the object (PNG bytes), two questions, and the statement that answers.

    The object is the one small thing of its picture, and of its own kind. `asked` asks for its color; `told` says
    all that it says beforehand, so that the picture need not be looked at.
    """
    draw_one = Draw(np.random.default_rng(row_seed(seed, "needles", "all")), pictures)
    return [_needle(number, *_picture(draw_one)) for number in range(size)]


def _picture(draw: Draw) -> tuple[Scene, Object]:
    color = draw.pick(COLORS)

    def decisive(scene: Scene) -> list[Object]:
        small = [thing for thing in scene.objects if thing.size == "small"]
        kinds = [thing.kind for thing in scene.objects]
        fits = len(small) == 1 and small[0].color == color and kinds.count(small[0].kind) == 1
        return small if fits else []

    scene = draw.scene(lambda scene: bool(decisive(scene)), min_objects=3)
    return scene, decisive(scene)[0]


def _needle(number: int, scene: Scene, thing: Object) -> dict[str, object]:
    others = tuple(other for other in scene.objects if other is not thing)
    return {
        "id": f"{number:05d}",
        "picture": png(render(scene)),
        "without": png(render(replace(scene, objects=others))),
        "asked": f"Which color is the small {thing.kind} at the {cell_name(thing.cell)}?",
        "told": f"A {object_phrase(thing)} is at the {cell_name(thing.cell)}. Which color is the small {thing.kind}?",
        "statement": sentence(thing),
    }

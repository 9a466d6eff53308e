"""The language of the micro world, as the heuristics of `operations.py` need it: its parser and its grammar.

Only what the VLM said is read here, never the truth of a picture.
"""

import numpy as np

from microworld.grammar import instruction, statement
from microworld.operations import propose
from microworld.parse import parse_caption, parse_entities
from microworld.scene import MAX_OBJECTS, Object, Scene, cell_name, make_scene
from viper.synthesis.heuristics import Change


class MicroLanguage:
    """Entities are objects of the scene that the refined caption describes."""

    def read(self, caption: str, answer: str) -> tuple[Scene, list[Object]]:
        """The described scene, as far as it can be read, and the entities that are part of it."""
        described, background, _ = parse_caption(caption)
        objects = {thing.cell: thing for thing in reversed(described)}  # a cell named twice: its first mention
        scene = make_scene(list(objects.values())[:MAX_OBJECTS], *(background or ("dark", "plain")))
        named = dict.fromkeys(parse_entities(answer))
        return scene, [thing for thing in named if thing in scene.objects]

    def propose(self, rng: np.random.Generator, described: Scene, type: str, entity: Object) -> Change | None:
        """A change by the world's own rules; see `Language.propose`."""
        operation = propose(rng, described, type, entity)
        if operation is None:
            return None
        cells = frozenset(cell_name(thing.cell) for thing in (operation.before, operation.after) if thing)
        # One newcomer a picture: more might exceed what the grid of the world holds.
        newcomer = {"addition"} if operation.before is None else frozenset()
        return Change(type, statement(operation), instruction(operation), cells | newcomer)

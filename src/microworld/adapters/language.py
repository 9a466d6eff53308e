"""The language of the micro world, as the heuristics of `operations.py` need it: its parser and its grammar.

Only what the VLM said is read here, never the truth of a picture.
"""

from dataclasses import dataclass

import numpy as np

from microworld.grammar import instruction, plain, refinements, reword, statement
from microworld.operations import propose
from microworld.parse import described_scene, parse_caption, parse_entities, parse_operation, parse_refinement
from microworld.scene import GLYPHS, MAX_OBJECTS, Object, Scene, cell_name, make_scene
from viper.synthesis.heuristics import Agreement, Change


@dataclass(frozen=True)
class Described:
    """The scene of a caption, and the cells that count as free in it."""

    scene: Scene
    free: tuple[int, ...]


class MicroLanguage:
    """Entities are objects of the scene that the refined caption describes."""

    def read(self, caption: str, answer: str, agreement: Agreement) -> tuple[Described, list[Object]]:
        """The described scene, as far as it can be read, and the entities that are part of it.

        A cell is free if this caption says nothing of it and enough of the others leave it empty.
        """
        described, background, _ = parse_caption(caption)
        objects = {thing.cell: thing for thing in reversed(described)}  # a cell named twice: its first mention
        scene = make_scene(list(objects.values())[:MAX_OBJECTS], *(background or ("dark", "plain")))
        named = dict.fromkeys(parse_entities(answer))
        free = [cell for cell in scene.free_cells() if agreement.on(lambda said, cell=cell: _leaves_empty(said, cell))]
        return Described(scene, tuple(free)), [thing for thing in named if thing in scene.objects]

    def mentions(self, caption: str, entity: Object) -> bool:
        """Whether the caption has this very object at its place."""
        objects, _, _ = parse_caption(caption)
        return entity in objects

    def key(self, sentence: str) -> str:
        """The sentence in the first of the grammar's wordings."""
        return plain(sentence)

    def kind(self, sentence: str) -> str:
        """The kind of a refinement (wrong, missing, extra, background) or the type of an operation."""
        found = parse_refinement(sentence) or parse_operation(sentence)
        return found.type if found else ""

    def propose(self, rng: np.random.Generator, described: Described, type: str, entity: Object) -> Change | None:
        """A change by the world's own rules; see `Language.propose`."""
        operation = propose(rng, described.scene, type, entity, free=described.free)
        if operation is None:
            return None
        cells = frozenset(cell_name(thing.cell) for thing in (operation.before, operation.after) if thing)
        # One newcomer a picture: more might exceed what the grid of the world holds.
        newcomer = {"addition"} if operation.before is None else frozenset()
        words = reword(rng, statement(operation)), instruction(operation)
        return Change(type, *words, cells | newcomer, operation.after if newcomer else None)

    def joined(self, described: Described, newcomer: Object) -> Described:
        """The scene with one object more, whose cell is no longer free."""
        scene = described.scene
        free = tuple(cell for cell in described.free if cell != newcomer.cell)
        return Described(make_scene([*scene.objects, newcomer], scene.shade, scene.texture), free)

    def texts(self, caption: str) -> list[str]:
        """The letters and digits among the objects of a caption."""
        objects, _, _ = parse_caption(caption)
        return [thing.kind for thing in objects if thing.kind in GLYPHS]

    def differences(self, meant: str, said: str, rng: np.random.Generator) -> list[str] | None:
        """The refinements that make one caption the other; None where either is not a whole one of the grammar."""
        for _, background, unread in map(parse_caption, (meant, said)):
            if unread or background is None:
                return None
        return [reword(rng, each) for each in refinements(described_scene(meant), described_scene(said))]


def _leaves_empty(caption: str, cell: int) -> bool:
    """Whether a caption describes objects, and none of them in this cell; one that cannot be read tells nothing."""
    objects, _, unread = parse_caption(caption)
    return bool(objects) and not unread and all(thing.cell != cell for thing in objects)

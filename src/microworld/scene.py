"""Scenes of the micro world: what is in a picture, known exactly.

A scene is a handful of objects in distinct cells of a 3x3 grid before a background. It exists so that each step that
the paper can only trust (was the caption right? did the editor do what it was told?) can be measured.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

COLORS = ("red", "green", "blue", "yellow", "purple", "white")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
# No letter of an option (A to E) is among them: "letter E" would be read as a choice of E.
GLYPHS = ("letter F", "letter H", "letter K", "letter X", "digit 2", "digit 4", "digit 7")
KINDS = SHAPES + GLYPHS
SIZES = ("small", "large")
ROWS = ("top", "middle", "bottom")
COLS = ("left", "center", "right")
SHADES = ("dark", "light")
TEXTURES = ("plain", "striped", "speckled")
CELLS = range(9)
MAX_OBJECTS = 5
MAX_JITTER = 1  # pixels: keeps a large object inside its cell

# Share of the layouts that each split owns. Pretraining and seed images draw from "train" only, benchmarks from the
# others, so that no benchmark picture was ever trained on.
_SPLIT_OF_BUCKET = ("dev",) * 2 + ("test",) * 2 + ("train",) * 12


@dataclass(frozen=True)
class Object:
    """One thing in a picture: `cell` counts row by row from the top left (0) to the bottom right (8), `dx` and `dy` are
    its offset from the middle of the cell in pixels."""

    kind: str
    color: str
    size: str
    cell: int
    dx: int = 0
    dy: int = 0

    @property
    def is_glyph(self) -> bool:
        """True for a letter or a digit, which has to be read rather than recognised."""
        return self.kind in GLYPHS


@dataclass(frozen=True)
class Scene:
    """Objects sorted by cell, and the background's shade and texture."""

    objects: tuple[Object, ...]
    shade: str
    texture: str

    def at(self, cell: int) -> Object | None:
        """The object in `cell`, or None where the cell is empty."""
        return next((thing for thing in self.objects if thing.cell == cell), None)

    def free_cells(self) -> list[int]:
        """Cells without an object, in reading order."""
        taken = {thing.cell for thing in self.objects}
        return [cell for cell in CELLS if cell not in taken]


def make_scene(objects, shade: str, texture: str) -> Scene:
    """A scene with its objects in reading order.

    Raises:
        ValueError: two objects share a cell.
    """
    ordered = tuple(sorted(objects, key=lambda thing: thing.cell))
    if len({thing.cell for thing in ordered}) != len(ordered):
        raise ValueError("two objects share a cell")
    return Scene(ordered, shade, texture)


def cell_name(cell: int) -> str:
    """'top left' for 0 … 'bottom right' for 8."""
    return f"{ROWS[cell // 3]} {COLS[cell % 3]}"


def sample_object(rng: np.random.Generator, cell: int) -> Object:
    """A random object for `cell`: 30 % glyphs, half of all objects small."""
    kinds = GLYPHS if rng.random() < 0.3 else SHAPES
    return Object(
        kind=str(rng.choice(kinds)),
        color=str(rng.choice(COLORS)),
        size=str(rng.choice(SIZES)),
        cell=int(cell),
        dx=int(rng.integers(-MAX_JITTER, MAX_JITTER + 1)),
        dy=int(rng.integers(-MAX_JITTER, MAX_JITTER + 1)),
    )


def sample_scene(
    rng: np.random.Generator, *, min_objects: int = 2, max_objects: int = MAX_OBJECTS, split: str | None = "train"
) -> Scene:
    """A random scene of `min_objects` to `max_objects` objects whose layout belongs to `split` (None: any split).

    One scene in four holds two look-alikes (same kind, color and size), so that counting means something.
    """
    while True:
        count = int(rng.integers(min_objects, max_objects + 1))
        cells = rng.permutation(9)[:count]
        objects = [sample_object(rng, cell) for cell in cells]
        if count >= 2 and rng.random() < 0.25:
            twin = objects[1]
            objects[0] = Object(twin.kind, twin.color, twin.size, objects[0].cell, objects[0].dx, objects[0].dy)
        scene = make_scene(objects, str(rng.choice(SHADES)), str(rng.choice(TEXTURES)))
        if split is None or split_of(scene) == split:
            return scene


def split_of(scene: Scene) -> str:
    """'train', 'dev' or 'test': decided by a hash of what is in the picture (not by jitter).

    Equal layouts always fall into the same split, whatever seed drew them, so splits cannot overlap.
    """
    layout = [[thing.kind, thing.color, thing.size, thing.cell] for thing in scene.objects]
    digest = hashlib.sha256(json.dumps([layout, scene.shade, scene.texture]).encode()).digest()
    return _SPLIT_OF_BUCKET[digest[0] % len(_SPLIT_OF_BUCKET)]


def scene_stream(seed: int, **kwargs) -> Iterator[Scene]:
    """Endless scenes from one seed; `kwargs` go to `sample_scene`."""
    rng = np.random.default_rng(seed)
    while True:
        yield sample_scene(rng, **kwargs)


def to_json(scene: Scene) -> str:
    """One line of JSON that `from_json` reads back to an equal scene."""
    return json.dumps(asdict(scene))


def from_json(text: str) -> Scene:
    """The scene written by `to_json`."""
    record = json.loads(text)
    return make_scene([Object(**thing) for thing in record["objects"]], record["shade"], record["texture"])

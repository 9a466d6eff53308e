"""Operations: one visible change to a scene, drawn at random or applied.

The types are those that the paper names (attribute, text, spatial relation, presence), with size and count besides.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microworld.scene import COLORS, GLYPHS, MAX_OBJECTS, SHAPES, SIZES, Object, Scene, make_scene, sample_object

OPERATION_TYPES = ("color", "size", "shape", "text", "position", "add", "remove", "count")


@dataclass(frozen=True)
class Operation:
    """One change: `before` is gone (None where something is added), `after` has come (None where it is removed).

    `count_before` and `count_after` are the numbers of look-alikes, used by the type "count" only.
    """

    type: str
    before: Object | None
    after: Object | None
    count_before: int = 0
    count_after: int = 0


def _other(rng: np.random.Generator, values, present):
    return str(rng.choice([value for value in values if value != present]))


def _look(thing: Object) -> tuple[str, str, str]:
    return thing.kind, thing.color, thing.size


def propose(
    rng: np.random.Generator,
    scene: Scene,
    type: str,
    thing: Object | None = None,
    *,
    free: Sequence[int] | None = None,
) -> Operation | None:
    """A random operation of `type` on `thing` (None: on a random object); None where the scene does not allow it.

    Something new is put only into the cells of `free` (None: all where the scene has nothing).
    """
    objects, free = list(scene.objects), scene.free_cells() if free is None else free
    if thing is None and objects:
        thing = objects[int(rng.integers(len(objects)))]
    looks = Counter(map(_look, objects))
    if type == "add":
        if not free or len(objects) >= MAX_OBJECTS:
            return None
        new = sample_object(rng, int(rng.choice(free)))
        return None if looks[_look(new)] else Operation("add", None, new)
    if thing is None:
        return None
    if type == "color":
        return Operation(type, thing, replace(thing, color=_other(rng, COLORS, thing.color)))
    if type == "size":
        return Operation(type, thing, replace(thing, size=_other(rng, SIZES, thing.size)))
    if type == "shape":
        return None if thing.is_glyph else Operation(type, thing, replace(thing, kind=_other(rng, SHAPES, thing.kind)))
    if type == "text":
        return Operation(type, thing, replace(thing, kind=_other(rng, GLYPHS, thing.kind))) if thing.is_glyph else None
    if type == "position":
        return Operation(type, thing, replace(thing, cell=int(rng.choice(free)))) if free else None
    same = looks[_look(thing)]
    if type == "remove":
        return Operation(type, thing, None) if same == 1 and len(objects) > 1 else None
    if type == "count":
        if same > 1 and rng.random() < 0.5:
            return Operation(type, thing, None, same, same - 1)
        if not free or len(objects) >= MAX_OBJECTS:
            return None
        return Operation(type, None, replace(thing, cell=int(rng.choice(free))), same, same + 1)
    raise ValueError(f"unknown operation type {type!r}; known: {', '.join(OPERATION_TYPES)}")


def apply_operation(scene: Scene, operation: Operation) -> Scene:
    """The scene after one operation.

    Raises:
        ValueError: the object that should change is not there.
    """
    objects = list(scene.objects)
    if operation.before is not None:
        objects.remove(operation.before)
    if operation.after is not None:
        objects.append(operation.after)
    return make_scene(objects, scene.shade, scene.texture)


def apply_operations(scene: Scene, operations) -> Scene:
    """The scene after all `operations`, in order."""
    for operation in operations:
        scene = apply_operation(scene, operation)
    return scene


def sample_operations(
    rng: np.random.Generator, scene: Scene, count: int, types: tuple[str, ...] = OPERATION_TYPES
) -> list[Operation]:
    """Up to `count` random operations that touch different objects and different cells of `scene`."""
    chosen: list[Operation] = []
    touched: set[int] = set()
    for _ in range(20 * count):
        if len(chosen) == count:
            break
        operation = propose(rng, scene, str(rng.choice(types)))
        if operation is None:
            continue
        cells = {thing.cell for thing in (operation.before, operation.after) if thing}
        # Two operations on look-alikes would make the counts in their statements wrong.
        if cells & touched or (chosen and operation.type == "count") or any(o.type == "count" for o in chosen):
            continue
        try:
            apply_operations(scene, [*chosen, operation])
        except ValueError:
            continue
        chosen.append(operation)
        touched |= cells
    return chosen

"""Reading a drawn picture back to its scene, exactly: each cell is held to all that could have been drawn there.

No model is asked. For pictures that `microworld.draw` made, every object comes back with its offset; of any other
picture, what it is most like.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from PIL import Image

from microworld.draw import CELL_CENTERS, RGB, coverage, render_array
from microworld.scene import CELLS, COLORS, KINDS, MAX_JITTER, SHADES, SIZES, TEXTURES, Object, Scene, make_scene

_HALF = 9  # pixels around a cell's center that the largest object at its farthest offset does not leave
_FAR = 40  # of 255: more than stripes and speckles stand off
_OFFSETS = range(-MAX_JITTER, MAX_JITTER + 1)


def read(picture: Image.Image) -> Scene:
    """The scene whose drawing is most like a 64x64 picture; its own where it was drawn."""
    pixels = np.asarray(picture.convert("RGB")).astype(np.int16)
    shade, texture = min(product(SHADES, TEXTURES), key=lambda look: _away(pixels, _empty(*look)))
    best = [_in_cell(pixels, cell, shade, texture) for cell in CELLS]
    return make_scene([thing for thing in best if thing], shade, texture)


def _away(pixels: np.ndarray, background: np.ndarray) -> int:
    """How far a picture is from a background; what stands before it counts as far and no farther."""
    return int(abs(pixels - background).clip(max=_FAR).sum())


def _in_cell(pixels: np.ndarray, cell: int, shade: str, texture: str) -> Object | None:
    box = _box(pixels, cell)
    if (box == _box(_empty(shade, texture), cell)).all():
        return None
    drawings = _drawings(cell, shade, texture)
    return _candidates(cell)[int(abs(drawings - box).sum((1, 2, 3), dtype=np.int64).argmin())]


def _box(pixels: np.ndarray, cell: int) -> np.ndarray:
    row, col = CELL_CENTERS[cell // 3], CELL_CENTERS[cell % 3]
    return pixels[row - _HALF : row + _HALF, col - _HALF : col + _HALF]


@lru_cache(None)
def _empty(shade: str, texture: str) -> np.ndarray:
    return render_array(make_scene([], shade, texture)).astype(np.int16)


@lru_cache(None)
def _candidates(cell: int) -> list[Object | None]:
    things = product(KINDS, COLORS, SIZES, _OFFSETS, _OFFSETS)
    return [None, *(Object(kind, color, size, cell, dx, dy) for kind, color, size, dx, dy in things)]


@lru_cache(None)
def _drawings(cell: int, shade: str, texture: str) -> np.ndarray:
    """(candidates, side, side, 3) what each of `_candidates` looks like in its cell."""
    field = _box(_empty(shade, texture), cell).astype(float)
    drawings = np.repeat(field[None], len(_candidates(cell)), axis=0)
    for drawing, thing in zip(drawings, _candidates(cell), strict=True):
        if thing:
            mask, top, left = _mask(thing.kind, thing.size, cell, thing.dx, thing.dy)
            part = drawing[top : top + mask.shape[0], left : left + mask.shape[1]]
            part += mask[:, :, None] * (np.array(RGB[thing.color], float) - part)
    return np.rint(drawings).astype(np.int16)


@lru_cache(None)
def _mask(kind: str, size: str, cell: int, dx: int, dy: int) -> tuple[np.ndarray, int, int]:
    """What an object covers, whatever its color, and where that begins in the box of its cell."""
    mask, top, left = coverage(Object(kind, COLORS[0], size, cell, dx, dy))
    return mask, top - CELL_CENTERS[cell // 3] + _HALF, left - CELL_CENTERS[cell % 3] + _HALF

"""Drawing a scene: 64x64 RGB, smooth-edged shapes, bitmap glyphs, plain or cluttered backgrounds."""

import numpy as np
from PIL import Image

from microworld.scene import Object, Scene

IMAGE_SIZE = 64  # pixels
# Pixels, for the three rows and the three columns. All lie at corners of the painter's 4x4 patches and near the middle
# of the tokens that the VLM sees, so that what is learned about an object in one cell holds in the others.
CELL_CENTERS = (12, 32, 52)
RADIUS = {"small": 3.4, "large": 6.0}  # pixels: a small object covers about 1 % of the picture
_SUPERSAMPLE = 4

RGB = {
    "red": (225, 35, 35),
    "green": (30, 170, 50),
    "blue": (45, 85, 235),
    "yellow": (245, 215, 30),
    "purple": (165, 45, 190),
    "white": (250, 250, 250),
}
_SHADE = {"dark": 42, "light": 150}
_CLUTTER = {"dark": 26, "light": -26}  # how far stripes and speckles stand off the shade

# 5x7 bitmaps, one string a row.
_FONT = {
    "F": ("#####", "#....", "#....", "####.", "#....", "#....", "#...."),
    "H": ("#...#", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"),
    "K": ("#...#", "#..#.", "#.#..", "##...", "#.#..", "#..#.", "#...#"),
    "X": ("#...#", "#...#", ".#.#.", "..#..", ".#.#.", "#...#", "#...#"),
    "2": (".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"),
    "4": ("...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."),
    "7": ("#####", "....#", "...#.", "..#..", "..#..", "..#..", "..#.."),
}


def _shape_mask(kind: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """True where the unit shape covers the point (x, y); y grows downwards."""
    radius, angle = np.hypot(x, y), np.arctan2(x, -y)
    if kind == "circle":
        return radius < 1
    if kind == "ring":
        return (radius < 1.05) & (radius > 0.52)
    if kind == "square":
        return np.maximum(abs(x), abs(y)) < 0.88
    if kind == "triangle":
        return (y < 0.85) & (y > 2.1 * abs(x) - 1.15)
    if kind == "cross":
        return (np.maximum(abs(x), abs(y)) < 1) & (np.minimum(abs(x), abs(y)) < 0.32)
    # A five-pointed star: its outline in polar form runs between the tips (1.15) and the notches (0.5).
    folded = abs((angle + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5) / (np.pi / 5)
    tip, notch = np.array([0.0, 1.15]), np.array([0.5 * np.sin(np.pi / 5), 0.5 * np.cos(np.pi / 5)])
    px, py = radius * np.sin(folded * np.pi / 5), radius * np.cos(folded * np.pi / 5)
    edge = notch - tip
    return (px - tip[0]) * edge[1] - (py - tip[1]) * edge[0] > 0


def coverage(thing: Object) -> tuple[np.ndarray, int, int]:
    """Share of each pixel that the object covers, (h, w) in 0..1, and the top left pixel of that box."""
    row, col = CELL_CENTERS[thing.cell // 3] + thing.dy, CELL_CENTERS[thing.cell % 3] + thing.dx
    if thing.is_glyph:
        bitmap = np.array([[mark == "#" for mark in line] for line in _FONT[thing.kind.split()[1]]], float)
        scale = 1 if thing.size == "small" else 2
        mask = np.kron(bitmap, np.ones((scale, scale)))
        return mask, row - mask.shape[0] // 2, col - mask.shape[1] // 2
    radius = RADIUS[thing.size]
    half = int(np.ceil(1.15 * radius))  # the tips of a star reach farthest
    side = 2 * half
    steps = (np.arange(side * _SUPERSAMPLE) + 0.5) / _SUPERSAMPLE - half
    fine = _shape_mask(thing.kind, steps[None, :] / radius, steps[:, None] / radius)
    mask = fine.reshape(side, _SUPERSAMPLE, side, _SUPERSAMPLE).mean((1, 3))
    return mask, row - half, col - half


_SPECKLES = np.random.default_rng(64).integers(0, IMAGE_SIZE - 1, (40, 2))  # the same in every picture: edits keep them


def _background(scene: Scene) -> np.ndarray:
    """(64, 64, 3) grey field: plain, with horizontal stripes, or with 2x2 speckles."""
    field = np.full((IMAGE_SIZE, IMAGE_SIZE), float(_SHADE[scene.shade]))
    if scene.texture == "striped":
        field[np.arange(IMAGE_SIZE) % 8 < 3] += _CLUTTER[scene.shade]
    elif scene.texture == "speckled":
        for row, col in _SPECKLES:
            field[row : row + 2, col : col + 2] += _CLUTTER[scene.shade]
    return np.repeat(field[:, :, None], 3, axis=2)


def render_array(scene: Scene) -> np.ndarray:
    """The picture of a scene: (64, 64, 3) uint8."""
    canvas = _background(scene)
    for thing in scene.objects:
        mask, top, left = coverage(thing)
        box = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
        box += mask[:, :, None] * (np.array(RGB[thing.color], float) - box)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def render(scene: Scene) -> Image.Image:
    """The picture of a scene as a 64x64 RGB image."""
    return Image.fromarray(render_array(scene))

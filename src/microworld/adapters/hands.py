"""A painter and an editor that make no mistake: what draws the world itself, told what to draw by its own parser."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL.Image import Image

from microworld import exact
from microworld.draw import render
from microworld.findings import matches
from microworld.operations import Operation
from microworld.parse import described_scene, parse_operation
from microworld.scene import MAX_JITTER, SHADES, TEXTURES, Object, Scene, make_scene
from viper.models.base import Size


class WorldPainter:
    """Draws what a caption says, each object somewhere in its cell; see `viper.models.base.Painter`."""

    def paint(self, prompts: list[str], *, seeds: list[int], shapes: Sequence[Size] = ()) -> list[Image]:
        """Return one picture per caption; a background that it does not name is drawn at random."""
        return [_paint(prompt, np.random.default_rng(seed)) for prompt, seed in zip(prompts, seeds, strict=True)]


class WorldEditor:
    """Carries out what an instruction says on the scene that a picture shows; see `viper.models.base.Editor`."""

    def edit(self, images: list[Image], instructions: list[str], *, seeds: list[int]) -> list[Image]:
        """Return one edited picture per instruction; the same picture where it orders what cannot be done there."""
        return [
            render(carry_out(exact.read(image), parse_operation(instruction), np.random.default_rng(seed)))
            for image, instruction, seed in zip(images, instructions, seeds, strict=True)
        ]


def _paint(caption: str, rng: np.random.Generator) -> Image:
    meant = described_scene(caption)
    shade, texture = meant.shade, meant.texture
    if shade not in SHADES:  # not named
        shade, texture = str(rng.choice(SHADES)), str(rng.choice(TEXTURES))
    return render(make_scene([_placed(thing, rng) for thing in meant.objects], shade, texture))


def _placed(thing: Object, rng: np.random.Generator) -> Object:
    dx, dy = (int(offset) for offset in rng.integers(-MAX_JITTER, MAX_JITTER + 1, 2))
    return replace(thing, dx=dx, dy=dy)


def carry_out(scene: Scene, operation: Operation | None, rng: np.random.Generator) -> Scene:
    """The scene after an operation that was read from its words; unchanged where the scene does not allow it.

    Args:
        operation: what words leave unsaid is empty in it, and stays as it is; None: unreadable.
        rng: where in its cell something new stands.
    """
    if operation is None:
        return scene
    before, after = operation.before, operation.after
    there = scene.at(before.cell) if before else None
    moves = after is not None and (before is None or before.cell != after.cell)
    if (before and not matches(before, there)) or (moves and scene.at(after.cell)):
        return scene
    rest = [thing for thing in scene.objects if thing is not there]
    if after is None:
        return make_scene(rest, scene.shade, scene.texture)
    if there is None:
        return make_scene([*rest, _placed(after, rng)], scene.shade, scene.texture)
    said = {name: getattr(after, name) for name in ("kind", "color", "size") if getattr(after, name)}
    return make_scene([*rest, replace(there, **said, cell=after.cell)], scene.shade, scene.texture)

"""Captions as the scenes that they describe: what a scripted painter draws, and a test compares."""

from microworld.parse import parse_caption
from microworld.scene import Scene, make_scene


def caption_scene(text: str) -> Scene | None:
    """The scene that a caption describes; None if a sentence cannot be read, a cell is named twice, or the background
    is missing."""
    objects, background, unread = parse_caption(text)
    if unread or background is None or len({thing.cell for thing in objects}) != len(objects):
        return None
    return make_scene(objects, *background)

"""A painter and an editor that are told some facts wrong: a loop with worse ones, by known steps."""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from viper.config.models import Corruption
from viper.models import world
from viper.models.base import Editor, Painter, Size


class MisledPainter:
    """Gives a painter texts in which a share of the facts is wrong."""

    def __init__(self, painter: Painter, corruption: Corruption):
        self.painter, self.corruption = painter, corruption

    def paint(self, prompts: list[str], *, seeds: list[int], shapes: Sequence[Size] = ()) -> list[Image]:
        """See `viper.models.base.Painter`; which facts are wrong depends on each row's own seed."""
        return self.painter.paint(_misled(prompts, seeds, self.corruption), seeds=seeds, shapes=shapes)


class MisledEditor:
    """Gives an editor instructions in which a share of the facts is wrong."""

    def __init__(self, editor: Editor, corruption: Corruption):
        self.editor, self.corruption = editor, corruption

    def edit(self, images: list[Image], instructions: list[str], *, seeds: list[int]) -> list[Image]:
        """See `viper.models.base.Editor`; which facts are wrong depends on each row's own seed."""
        return self.editor.edit(images, _misled(instructions, seeds, self.corruption), seeds=seeds)


def _misled(texts: list[str], seeds: list[int], corruption: Corruption) -> list[str]:
    return [
        world.corrupt(text, corruption.share, np.random.default_rng([corruption.seed, seed]))
        for text, seed in zip(texts, seeds, strict=True)
    ]

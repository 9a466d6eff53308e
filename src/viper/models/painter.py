"""The Painter interface over diffusers: any text-to-image pipeline."""

import logging
from collections.abc import Sequence
from inspect import signature
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from viper.config.models import PainterSection
from viper.models import world
from viper.models.base import Painter, Size
from viper.models.kept_pictures import KeptPictures
from viper.models.misled import MisledPainter
from viper.models.pipelines import call_in_batches, load_pipeline, rows_by_size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_log = logging.getLogger(__name__)


def load_painter(section: PainterSection, path: str | Path | None = None, kept: KeptPictures | None = None) -> Painter:
    """Load the painter at `path` (None: the section's own), or what draws the world where the section wants that.

    Args:
        kept: where its pictures are kept as they come; None: nowhere.

    Raises:
        ViperError: there is no pipeline, or its folder is incomplete.
    """
    is_drawn = section.hand == "world"
    painter = world.painter() if is_drawn else DiffusersPainter(load_pipeline(section, path), section, kept)
    return MisledPainter(painter, section.corrupt) if section.corrupt else painter


def nearest_size(shape: Size, sizes: Sequence[Size]) -> Size:
    """The size whose aspect ratio is nearest to that of `shape`, (width, height): twice as wide is as far as half.

    Of equally near ones it is the first.
    """
    return min(sizes, key=lambda size: abs(log(size[0] * shape[1] / (size[1] * shape[0]))))


class DiffusersPainter:
    """Paints prompts with a loaded pipeline and the call arguments of its section."""

    def __init__(self, pipeline: "DiffusionPipeline", section: PainterSection, kept: KeptPictures | None = None):
        self.pipeline, self.section, self.kept = pipeline, section, kept

    def paint(self, prompts: list[str], *, seeds: list[int], shapes: Sequence[Size] = ()) -> list[Image]:
        """Return one RGB picture per prompt; see `viper.models.base.Painter`.

        Where the section names sizes, a picture has the one that is nearest in aspect ratio to its shape, or the first
        where no shapes are given.
        """
        self._tell_of_long(prompts)
        sizes = self._sizes(len(prompts), shapes)
        painted: list[Image | None] = [None] * len(prompts)
        for size, rows in rows_by_size(sizes):
            results = call_in_batches(
                self.pipeline,
                {"prompt": [prompts[row] for row in rows]},
                seeds=[seeds[row] for row in rows],
                batch_size=self.section.batch_size,
                arguments=self.section.arguments | ({"width": size[0], "height": size[1]} if size else {}),
                progress="paint",
                kept=self.kept,
            )
            for row, picture in zip(rows, results, strict=True):
                painted[row] = picture
        return painted

    def _sizes(self, count: int, shapes: Sequence[Size]) -> list[Size | None]:
        """The size of each picture; None leaves it to the arguments of the section."""
        sizes = self.section.sizes
        if not sizes:
            return [None] * count
        return [nearest_size(shape, sizes) for shape in shapes] if shapes else [sizes[0]] * count

    def _tell_of_long(self, prompts: list[str]) -> None:
        """Say how many prompts the painter does not read to their end: the critic would blame the caption for it."""
        limit, tokenizer = self._longest(), getattr(self.pipeline, "tokenizer", None)
        if limit is None or tokenizer is None or not prompts:
            return
        lengths = [len(ids) for ids in tokenizer(list(prompts), truncation=False, verbose=False)["input_ids"]]
        long = sum(length > limit for length in lengths)
        if long:
            _log.warning(
                "%d of %d prompts are longer than the %d tokens that the painter reads (the longest has %d): raise "
                "models.painter.arguments.max_sequence_length, or lower synthesis.caption.max_new_tokens",
                long,
                len(prompts),
                limit,
                max(lengths),
            )

    def _longest(self) -> int | None:
        """Tokens of a prompt that the pipeline reads: as the section or else its call says; None where neither does."""
        parameter = signature(type(self.pipeline).__call__).parameters.get("max_sequence_length")
        return self.section.arguments.get("max_sequence_length", parameter.default if parameter else None)

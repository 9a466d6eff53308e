"""The Editor interface over diffusers: any pipeline from image and instruction to image."""

from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image, Resampling

from viper.config.models import EditorSection
from viper.models import world
from viper.models.base import Editor
from viper.models.kept_pictures import KeptPictures
from viper.models.misled import MisledEditor
from viper.models.pipelines import call_in_batches, load_pipeline, rows_by_size

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def load_editor(section: EditorSection, path: str | Path | None = None, kept: KeptPictures | None = None) -> Editor:
    """Load the editor at `path` (None: the section's own), or what draws the world where the section wants that.

    Args:
        kept: where its pictures are kept as they come; None: nowhere.

    Raises:
        ViperError: there is no pipeline, or its folder is incomplete.
    """
    is_drawn = section.hand == "world"
    editor = world.editor() if is_drawn else DiffusersEditor(load_pipeline(section, path), section, kept)
    return MisledEditor(editor, section.corrupt) if section.corrupt else editor


class DiffusersEditor:
    """Edits pictures with a loaded pipeline and the call arguments of its section."""

    def __init__(self, pipeline: "DiffusionPipeline", section: EditorSection, kept: KeptPictures | None = None):
        self.pipeline, self.section, self.kept = pipeline, section, kept

    def edit(self, images: list[Image], instructions: list[str], *, seeds: list[int]) -> list[Image]:
        """Return one edited RGB picture, of its original's size, an instruction; see `viper.models.base.Editor`."""
        edited: list[Image | None] = [None] * len(images)
        for size, rows in rows_by_size([image.size for image in images]):
            results = self._edit_same_size(
                [images[row] for row in rows], [instructions[row] for row in rows], [seeds[row] for row in rows]
            )
            for row, new in zip(rows, results, strict=True):
                # Some pipelines round the size to a multiple of their own; a pair must differ in content only.
                edited[row] = new if new.size == size else new.resize(size, Resampling.LANCZOS)
        return edited

    def _edit_same_size(self, images: list[Image], instructions: list[str], seeds: list[int]) -> list[Image]:
        given = images if self.section.image_argument == "image" else [[image] for image in images]
        return call_in_batches(
            self.pipeline,
            {self.section.image_argument: given, "prompt": instructions},
            seeds=seeds,
            batch_size=self.section.batch_size,
            arguments=self.section.arguments,
            progress="edit",
            kept=self.kept,
        )

"""The Painter interface over diffusers: any text-to-image pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from viper.config.models import PipelineSection
from viper.models.pipelines import call_in_batches, load_pipeline

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline


def load_painter(section: PipelineSection, path: str | Path | None = None) -> "DiffusersPainter":
    """Load the painter at `path` (None: the section's own).

    Raises:
        ViperError: there is no pipeline, or its folder is incomplete.
    """
    return DiffusersPainter(load_pipeline(section, path), section)


class DiffusersPainter:
    """Paints prompts with a loaded pipeline and the call arguments of its section."""

    def __init__(self, pipeline: "DiffusionPipeline", section: PipelineSection):
        self.pipeline, self.section = pipeline, section

    def paint(self, prompts: list[str], *, seeds: list[int]) -> list[Image]:
        """Return one RGB picture per prompt; see `viper.models.base.Painter`."""
        return call_in_batches(
            self.pipeline,
            {"prompt": prompts},
            seeds=seeds,
            batch_size=self.section.batch_size,
            arguments=self.section.arguments,
            progress="paint",
        )

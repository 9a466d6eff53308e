"""The loop over a batch of seed images against one image at a time."""

from collections.abc import Iterator
from pathlib import Path

from microworld.draw import render
from microworld.scene import scene_stream
from viper.bench.alternate import Comparison
from viper.bench.floor import floor_seconds
from viper.config.models import EditorSection, PainterSection, VlmSection
from viper.config.synthesis import Synthesis
from viper.models.editor import load_editor
from viper.models.painter import load_painter
from viper.models.vlm import load_vlm
from viper.synthesis.loop import run_loop
from viper.synthesis.rows import Row, pack_image

_IMAGES, _ONE_BY_ONE = 128, 6


class Loop:
    """All steps from a seed image to its edited picture, with the models loaded once.

    Args:
        vlm, painter, editor: their sections of params.yaml; `path` says where they lie.
        synthesis: the section `synthesis`; all seed images are refined and edited, whatever its `vop_share`.
    """

    def __init__(self, vlm: VlmSection, painter: PainterSection, editor: EditorSection, synthesis: Synthesis):
        self.vlm = load_vlm(Path(vlm.path), vlm)
        self.painter, self.editor = load_painter(painter), load_editor(editor)
        self.synthesis = synthesis.model_copy(update={"vop_share": 1.0})

    def run(self, images: list[Row]) -> int:
        """Every step for these seed images; returns their number."""
        run_loop(images, self.vlm, self.painter, self.editor, self.synthesis, lineage="base", seed=0)
        return len(images)


def seed_rows(count: int) -> list[Row]:
    """Seed images of the drawn world."""
    scenes = scene_stream(0)
    return [{"id": f"seed{number}", "image": pack_image(render(next(scenes)))} for number in range(count)]


def comparisons(loop: Loop, rate: float) -> Iterator[Comparison]:
    """Seed images per second through the whole loop; `rate` is that of `viper.bench.floor.matrix_rate`."""
    images = seed_rows(_IMAGES)

    def one_by_one() -> int:
        for row in images[:_ONE_BY_ONE]:
            loop.run([row])
        return _ONE_BY_ONE

    def together() -> int:
        return loop.run(images)

    yield Comparison("synthesis", "micro", "image", one_by_one, together, target=5, floor=floor_seconds(together, rate))

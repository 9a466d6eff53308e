"""A world that looks other than the one that the VLM was taught on: every picture passes a lens on its way to it.

The lens stands right before the model's own image processor. Whoever shows the VLM a picture goes through there: the
loop, training, the benchmarks, the measurement of attention. Files keep the pictures as they are, which is how painter
and editor make them and the checker reads them. It is no part of the model: a checkpoint is saved without it.
"""

from typing import TYPE_CHECKING, Any

from PIL import Image, ImageEnhance

if TYPE_CHECKING:
    from transformers import BaseImageProcessor

    from viper.config.models import Lens


def look_through(lens: "Lens", picture: Image.Image) -> Image.Image:
    """The picture as the VLM sees it, of the same size: each pixel nearer to the picture's mean grey."""
    return ImageEnhance.Contrast(picture).enhance(lens.contrast)


def put_before(processor: "BaseImageProcessor", lens: "Lens") -> None:
    """Make an image processor see every picture through the lens.

    Its class becomes one of the same name, since that name is what a saved processor is found by.
    """
    kind = type(processor)

    def process_image(self: Any, image: Image.Image, *args: Any, **options: Any) -> Any:
        return kind.process_image(self, look_through(lens, image), *args, **options)

    processor.__class__ = type(kind.__name__, (kind,), {"process_image": process_image})

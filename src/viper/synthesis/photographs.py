"""Photographs as people have them: normalized to upright RGB of the wanted size, or refused with a reason."""

import glob
import hashlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from viper.config.seeds import Seeds
from viper.errors import ViperError


class UnusablePhotographError(Exception):
    """A file that cannot serve as a seed image; its text is the reason, the same for all files of a kind."""


def find_photographs(patterns: list[str]) -> list[Path]:
    """Return the files that the glob patterns name, each once, sorted.

    Raises:
        ViperError: a pattern names no file.
    """
    found: set[Path] = set()
    for pattern in patterns:
        # Path.glob takes no absolute pattern.
        files = {Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file()}  # noqa: PTH207
        if not files:
            raise ViperError(f"seeds.paths: '{pattern}' names no file: put photographs there, or correct the pattern")
        found |= files
    return sorted(found)


def read_photograph(path: Path, seeds: Seeds) -> Image.Image:
    """Return the photograph as an upright RGB image, no larger than `seeds` allows.

    EXIF rotation is applied, transparency is laid on white, more than 8 bits a channel are scaled down to 8, animations
    give their first frame; then the picture is scaled to at most `max_pixels`, or cropped to `image_size`.

    Raises:
        UnusablePhotographError: not an image, truncated, broken, or too small.
    """
    try:
        with warnings.catch_warnings():
            # Up to twice PIL's limit it only warns: such pictures are scaled down below. Beyond, it raises.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if min(image.size) < seeds.min_side:
                    raise UnusablePhotographError(f"a side is shorter than {seeds.min_side} pixels")
                image.load()
                upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise UnusablePhotographError("not an image") from error
    except Image.DecompressionBombError as error:
        raise UnusablePhotographError("too many pixels to decode safely") from error
    # PIL's decoders report damage by whichever of these their parser meets first.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, ArithmeticError) as error:
        raise UnusablePhotographError("truncated" if "truncated" in str(error).lower() else "broken") from error
    rgb = _to_rgb(upright)
    if seeds.image_size is not None:
        return ImageOps.fit(rgb, seeds.image_size, Image.Resampling.LANCZOS)
    pixels = rgb.width * rgb.height
    if pixels > seeds.max_pixels:
        scale = (seeds.max_pixels / pixels) ** 0.5
        size = (max(1, int(rgb.width * scale)), max(1, int(rgb.height * scale)))
        return rgb.resize(size, Image.Resampling.LANCZOS)
    return rgb


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 of an RGB image's size and pixels: equal for copies in other formats, names and metadata."""
    return hashlib.sha256(f"{image.width}x{image.height}:".encode() + image.tobytes()).hexdigest()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits: PIL's own conversion would clip nearly all of it to white
        values = np.nan_to_num(np.asarray(image, dtype=float)).clip(min=0)
        image = Image.fromarray((values / max(values.max(), 1.0) * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")

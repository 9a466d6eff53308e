"""Photographs as people have them: normalized to upright RGB of the wanted size, or refused with a reason."""

import glob
import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from viper.config.images import MAX_ASPECT, Images
from viper.errors import ViperError
from viper.pictures import PictureError, open_picture

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusablePhotographError(ViperError):
    """A file that cannot serve as a seed image; its text is the reason, the same for all files of a kind."""


def find_photographs(patterns: list[str], key: str = "images.paths") -> list[Path]:
    """Return what the glob patterns name, each once, sorted.

    Beside files that may be a dangling link, a pipe, or a folder named x.jpg, which `read_photograph` refuses so that
    they are counted; folders without such an ending are passed over. `key` is where the patterns stand.

    Raises:
        ViperError: a pattern names no file.
    """
    found: set[Path] = set()
    for pattern in patterns:
        # Path.glob takes no absolute pattern.
        names = glob.glob(pattern, recursive=True)  # noqa: PTH207
        names += [pattern] if os.path.lexists(pattern) else []  # a name with brackets, meant as it stands
        paths = {path for path in map(Path, names) if path.suffix or not os.path.isdir(path)}  # noqa: PTH112
        if not any(map(os.path.isfile, paths)):
            raise ViperError(
                f"{key}: '{printable(pattern)}' names no file: put photographs there, take those of a data "
                "set (images.source: hub), or correct the pattern "
                "(a bracket in the name of a folder is written [[])"
            )
        found |= paths
    return sorted(found)


def is_plain(path: Path) -> bool:
    """Whether a workflow can name this as an input: a readable file, printable, without braces, which are wildcards."""
    name = str(path)
    is_readable = os.path.isfile(name) and os.access(name, os.R_OK)  # noqa: PTH113  (pathlib's can raise)
    return is_readable and printable(name) == name and not {"{", "}"} & set(name)


def mark(path: Path) -> str:
    """What tells a changed file from the same: its printable name, size and time of change, where it has them."""
    try:
        state = path.stat()
    except OSError:
        return printable(path)
    return f"{printable(path)}, {state.st_size} bytes, {state.st_mtime_ns}"


def printable(path: str | Path) -> str:
    """A path as logs and tables show it: what cannot be printed, bytes that are no UTF-8 included, as \\xNN."""
    return "".join(
        character
        if character.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in str(path)
    )


def read_photograph(photograph: Path | bytes, images: Images) -> Image.Image:
    """Return the photograph, a file or its bytes, as an upright RGB image, no larger than `images` allows.

    EXIF rotation is applied, transparency is laid on white, more than 8 bits a channel are scaled down to 8, animations
    give their first frame; then the picture is scaled to at most `max_pixels`, or cropped to `image_size`.

    Raises:
        UnusablePhotographError: see `viper.pictures.open_picture`; or too small, too long, or without finite values.
    """
    try:
        where = "a photograph" if isinstance(photograph, bytes) else printable(photograph)
        with open_picture(photograph, where) as image:
            if min(image.size) < images.min_side:
                raise UnusablePhotographError(f"a side is shorter than {images.min_side} pixels")
            image.load()
            rgb = _to_rgb(_upright(image))
    except PictureError as error:
        raise UnusablePhotographError(error.reason) from error
    if images.image_size is not None:
        return ImageOps.fit(rgb, images.image_size, Image.Resampling.LANCZOS)
    pixels = rgb.width * rgb.height
    if pixels > images.max_pixels:
        scale = (images.max_pixels / pixels) ** 0.5
        size = (max(1, int(rgb.width * scale)), max(1, int(rgb.height * scale)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    if max(rgb.size) > MAX_ASPECT * min(rgb.size):
        raise UnusablePhotographError(f"more than {MAX_ASPECT} times as long as wide")
    return rgb


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 of an RGB image's size and pixels: equal for copies in other formats, names and metadata."""
    return hashlib.sha256(f"{image.width}x{image.height}:".encode() + image.tobytes()).hexdigest()


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data say; where these cannot be read, as it is stored."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # Pillow reads tags of a wrong type or length without looking, and so raises anything
        return image
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits: PIL's own conversion would clip nearly all of it to white
        image = Image.fromarray(_to_8_bits(np.array(image, dtype=float)))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Brightness of any range as 0 … 255: the largest finite value is white, infinity too; what is no number is black.

    Raises:
        UnusablePhotographError: no value is finite.
    """
    finite = np.isfinite(values)
    if not finite.any():
        raise UnusablePhotographError("no finite value")
    top = max(values[finite].max(), 1.0)
    np.nan_to_num(values, copy=False, nan=0, posinf=top, neginf=0)
    values.clip(0, None, out=values)
    values /= top
    values *= 255
    return values.astype(np.uint8)

"""The one place where the project opens pictures: formats that run nothing, pixels within bounds, one kind of error.

And the one encoding that it keeps them in.

Pillow chooses a decoder by a file's content, not by its name, and knows forty: one of them (EPS) hands the file to
Ghostscript. It reserves whatever a header asks for. Its decoders report damage by whichever exception they meet first.
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from viper.errors import ViperError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")  # JPEG: MPO too, the format of double lenses
MAX_PIXELS = 64 * 2**20  # a phone's 64-megapixel photograph is read; decoded, it takes 4 bytes a pixel
MAX_BYTES = 2**30  # some decoders read the whole file before they look at its header


class PictureError(ViperError):
    """A picture that cannot be read, or not safely.

    Attributes:
        reason: what is wrong, without the name: the same for all pictures of a kind.
    """

    def __init__(self, reason: str, where: str):
        super().__init__(f"{where}: {reason}")
        self.reason = reason


@contextmanager
def open_picture(
    source: bytes | str | Path, where: str | None = None, most_pixels: int = MAX_PIXELS
) -> Iterator[Image.Image]:
    """Yield a picture whose header was read; what goes wrong with it, here or in the block, is one kind of error.

    Args:
        source: the bytes of a picture, or its file.
        where: how to name it in a message; None: by its path.
        most_pixels: a larger one is refused by its header.

    Raises:
        PictureError: not a file, cannot be read, not an image of `FORMATS`, too many pixels, broken or truncated.
    """
    where = where if where is not None else "a picture" if isinstance(source, bytes) else f"picture {source}"
    try:
        with warnings.catch_warnings():
            # It warns of many pixels, where our bound is lower, and of damaged tags, where the pixels are what counts.
            warnings.filterwarnings("ignore", module="PIL")
            with Image.open(_checked(source), formats=FORMATS) as image:
                if image.width * image.height > most_pixels:
                    raise PictureError("too many pixels to decode safely", where)
                yield image
    except _UnreadableError as error:
        raise PictureError(str(error), where) from error
    except (ViperError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise PictureError("not an image", where) from error
    except Image.DecompressionBombError as error:
        raise PictureError("too many pixels to decode safely", where) from error
    except Exception as error:  # a decoder meets damage with anything from struct.error to AttributeError
        if isinstance(error, OSError) and error.errno is not None:
            raise PictureError("cannot be read", where) from error
        raise PictureError("truncated" if "truncated" in str(error).lower() else "broken", where) from error


def read_picture(source: bytes | str | Path, where: str | None = None, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a picture to RGB; arguments and errors are those of `open_picture`."""
    with open_picture(source, where, most_pixels) as image:
        return image.convert("RGB")


def png(image: Image.Image) -> bytes:
    """The one encoding in which the project keeps pictures: PNG, as Pillow writes it by default."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


class _UnreadableError(Exception):
    """Why a file is not even handed to Pillow."""


def _checked(source: bytes | str | Path) -> io.BytesIO | Path:
    """What Pillow is to open: a regular file, since a pipe would be waited for, of bounded size."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    path = Path(source)
    if not os.path.isfile(path):  # noqa: PTH113  (pathlib's raises where a folder on the way is closed)
        raise _UnreadableError("not a file")
    if path.stat().st_size > MAX_BYTES:
        raise _UnreadableError(f"larger than {MAX_BYTES >> 20} MiB")
    return path

"""Whether two pictures are the same one in another size, format or quality: a perceptual hash, and distances of hashes.

The hash is pHash as the library imagehash computes it (`phash`, 8 × 8): the picture in 32 × 32 greys, its discrete
cosine transform, of that the 8 × 8 lowest frequencies, each a bit that says whether it is above their median.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dct
from tqdm import tqdm

from viper.errors import ViperError
from viper.files import atomic_write
from viper.pictures import read_picture
from viper.reading import read_numbered_rows

BITS = 64
_SIDE, _LOW = 32, 8
_COLUMNS = ["picture", "hash"]
_REMEDY = "A table of hashes has the columns picture and hash: remove it, and let its rule make it again"


def perceptual_hash(image: Image.Image) -> int | None:
    """The 64 bits of a picture, as a number; None for one of a single grey, which is like nothing."""
    grey = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), dtype=float)
    if grey.min() == grey.max():
        return None
    low = dct(dct(grey, axis=0), axis=1)[:_LOW, :_LOW]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes())


def hash_pictures(pictures: Iterable[Path], root: Path, output: Path) -> None:
    """Write the hashes of pictures as CSV: their names below `root`, and 16 hexadecimal digits.

    Raises:
        ViperError: a picture cannot be read.
    """
    with atomic_write(output) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for path in tqdm(sorted(pictures), desc="hashes", unit="picture", mininterval=2):
            if (bits := perceptual_hash(read_picture(path))) is not None:
                table.writerow([path.relative_to(root).as_posix(), f"{bits:016x}"])


class Known:
    """Pictures that are to be recognised.

    Args:
        tables: name of a collection → its table of `hash_pictures`.
        distance: most bits of 64 that may differ.

    Raises:
        ViperError: a table is not one of `hash_pictures`.
    """

    def __init__(self, tables: dict[str, Path], distance: int):
        self.distance = distance
        self.hashes = {name: _read(path) for name, path in tables.items()}

    def find(self, image: Image.Image) -> str | None:
        """The first collection that has a picture like this one; None if there is none."""
        bits = perceptual_hash(image)
        if bits is None:
            return None
        return next((name for name, known in self.hashes.items() if _nearest(bits, known) <= self.distance), None)


def _nearest(bits: int, known: np.ndarray) -> int:
    """Bits in which the nearest of the known hashes differs; more than there are where none is known."""
    return int(np.bitwise_count(known ^ np.uint64(bits)).min()) if len(known) else BITS + 1


def _read(path: Path) -> np.ndarray:
    hashes = []
    for line, row in read_numbered_rows(path, needed=_COLUMNS, remedy=_REMEDY):
        if not re.fullmatch("[0-9a-f]{16}", row["hash"]):
            raise ViperError(f"{path}, line {line}: {row['hash'][:60]!r} is no hash of 16 digits. {_REMEDY}")
        hashes.append(int(row["hash"], 16))
    return np.array(hashes, dtype=np.uint64)

"""Photographs for the rehearsal: those that scikit-image, scikit-learn and matplotlib bring along, and cuttings.

None is drawn. Where a package ships fewer of them (scikit-learn's are not in every build), more cuttings are made.
"""

from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path

from PIL import Image

NAMES = {
    "skimage": ("data/chelsea.png", "data/coffee.png", "data/astronaut.png", "data/rocket.jpg", "data/retina.jpg",
                "data/hubble_deep_field.jpg", "data/motorcycle_left.png"),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}  # fmt: skip
ORIENTATION = 0x0112  # EXIF
SIZES = [(640, 480), (480, 640), (512, 512), (900, 360), (360, 800), (300, 260)]  # landscape, portrait, square, long


def sources() -> list[Path]:
    """The photographs of the installed packages."""
    folders = {package: Path(find_spec(package).origin).parent for package in NAMES}
    paths = [folders[package] / name for package, names in NAMES.items() for name in names]
    return [path for path in paths if path.is_file()]


def pictures(number: int) -> list[Image.Image]:
    """So many different RGB pictures: every photograph in turn, cut to the sizes in turn, each time somewhere else."""
    return list(islice(_cuttings(), number))


def _cuttings():
    photographs = [Image.open(path).convert("RGB") for path in sources()]
    for turn in count():
        photograph = photographs[turn % len(photographs)]
        width, height = SIZES[(turn + turn // len(photographs)) % len(SIZES)]
        scale = max(width / photograph.width, height / photograph.height) * (1 + 0.15 * (turn // len(photographs)))
        large = photograph.resize((round(photograph.width * scale) + 1, round(photograph.height * scale) + 1))
        left, top = (large.width - width) // 2, (large.height - height) // 3
        yield large.crop((left, top, left + width, top + height))


def write_photographs(folder: Path, number: int) -> None:
    """Fill `folder` as people's folders are: names with blanks, JPEG turned by EXIF, PNG named JPG."""
    for place, picture in enumerate(pictures(number)):
        path = folder / f"roll {place % 3}" / f"IMG_{place:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if place % 4 == 3:
            picture.save(path, "PNG")
        elif place % 4 == 2:
            exif = Image.Exif()
            exif[ORIENTATION] = 6  # was held upright: to be turned by 90 degrees
            picture.transpose(Image.Transpose.ROTATE_90).save(path, "JPEG", quality=90, exif=exif)
        else:
            picture.save(path, "JPEG", quality=90)

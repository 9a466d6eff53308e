"""How often the filter of edits is wrong, on photographs with known edits.

A false pass is a picture that an editor returned without the edit; a false drop is one with it. What an editor does to
every picture besides is imitated: through another size and back, moved, zoomed, in other tones, softened, compressed.
"""

import io
import math
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from viper.config.synthesis import EditSection
from viper.pictures import read_picture
from viper.synthesis.effects import effect_of, failure_of

_LONGEST = 384  # pixels of a photograph's longer side, so that hundreds of cases take a minute
_AREA = 480 * 480  # pixels that the imitated editor works at
_PARTS = (0.005, 0.01, 0.03)  # share of a photograph that a known edit is about
_LEAST = 0.12  # mean difference, of 0 to 1, of the pixels that an edit changes: less is not to be seen
_COVERED = 0.1  # share of the edited part that it must change, as the strokes of letters do
_LEVEL = 3 / 255  # what a pixel must change by to count as changed
_TRIES = 40

# name → what is done to the whole picture: pixels that it moves; share by which it is zoomed and toned; radius of the
# softening; standard deviation of the grain, of 255 levels; quality of JPEG
NULLS: dict[str, dict[str, float]] = {
    "resized": {},
    "jpeg 85": {"jpeg": 85},
    "moved by 1": {"move": 1.0},
    "moved by 4": {"move": 4.0},
    "zoomed by 2 %": {"zoom": 0.02},
    "toned by 4 %": {"tone": 0.04},
    "softened": {"soft": 0.8, "grain": 2.0},
    "all of it": {"move": 3.0, "zoom": 0.015, "tone": 0.03, "soft": 0.8, "grain": 2.0, "jpeg": 90},
}
_UNDER = ("jpeg 85", "all of it")  # what known edits are seen through


def photographs() -> dict[str, Image.Image]:
    """The photographs that scikit-image, scikit-learn and matplotlib bring along, those that are there; RGB."""
    named = {
        _folder("skimage") / "data": (
            "astronaut.png",
            "chelsea.png",
            "coffee.png",
            "rocket.jpg",
            "motorcycle_left.png",
            "ihc.png",
        ),
        _folder("sklearn") / "datasets" / "images": ("china.jpg", "flower.jpg"),
        _folder("matplotlib") / "mpl-data" / "sample_data": ("grace_hopper.jpg",),
    }
    paths = [folder / name for folder, names in named.items() for name in names if (folder / name).is_file()]
    pictures = {path.stem: read_picture(path.read_bytes(), str(path)) for path in paths}
    for picture in pictures.values():
        picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    return pictures


def _folder(package: str) -> Path:
    """Where an installed package lies; it is not imported."""
    return Path(find_spec(package).origin).parent


def drawn() -> dict[str, Image.Image]:
    """Pictures for where no photographs are: soft noise of four scales with a few ellipses on it."""
    pictures = {}
    for number, cells in enumerate((4, 12, 32, 96)):
        random = np.random.default_rng(number)
        noise = Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8))
        picture = noise.resize((_LONGEST, _LONGEST * 3 // 4), Image.Resampling.BICUBIC)
        for _ in range(8):
            _paint_ellipse(picture, _part(picture, random, 0.02), tuple(map(int, random.integers(0, 256, 3))))
        pictures[f"drawn {cells}"] = picture
    return pictures


def returned(picture: Image.Image, random: np.random.Generator, how: Mapping[str, float]) -> Image.Image:
    """A picture as an editor returns it that does nothing to it but what it does to all."""
    ratio = picture.width / picture.height
    width, height = (round(math.sqrt(_AREA * each) / 16) * 16 for each in (ratio, 1 / ratio))
    result = picture.resize((width, height), Image.Resampling.LANCZOS)
    if how.keys() & {"move", "zoom"}:
        zoom, angle = 1 + random.choice([-1, 1]) * how.get("zoom", 0), random.uniform(0, 2 * math.pi)
        right, down = (how.get("move", 0) * turn(angle) * width / picture.width for turn in (math.cos, math.sin))
        place = (1 / zoom, 0, width / 2 * (1 - 1 / zoom) - right, 0, 1 / zoom, height / 2 * (1 - 1 / zoom) - down)
        result = result.transform((width, height), Image.Transform.AFFINE, place, Image.Resampling.BICUBIC)
    values = np.asarray(result, dtype=np.float32)
    if "soft" in how:
        from scipy.ndimage import gaussian_filter

        values = gaussian_filter(values, (how["soft"], how["soft"], 0))
    if "tone" in how:
        values = values * (1 + random.uniform(-1, 1, 3) * how["tone"]) + random.uniform(-1, 1, 3) * how["tone"] * 128
    if "grain" in how:
        values = values + random.normal(0, how["grain"], values.shape)
    result = Image.fromarray(values.clip(0, 255).astype(np.uint8)).resize(picture.size, Image.Resampling.LANCZOS)
    if "jpeg" in how:
        file = io.BytesIO()
        result.save(file, "JPEG", quality=int(how["jpeg"]))
        result = read_picture(file.getvalue())
    return result


Box = tuple[int, int, int, int]


def _part(picture: Image.Image, random: np.random.Generator, share: float) -> Box:
    """A random box with this share of a picture's area in the ellipse that it holds."""
    area, ratio = share * picture.width * picture.height * 4 / math.pi, random.uniform(0.6, 1.7)
    width, height = int(math.sqrt(area * ratio)) + 1, int(math.sqrt(area / ratio)) + 1
    left, top = int(random.integers(0, picture.width - width)), int(random.integers(0, picture.height - height))
    return left, top, left + width, top + height


def _ellipse(size: tuple[int, int], box: Box) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def _paint_ellipse(picture: Image.Image, box: Box, color: tuple[int, ...]) -> None:
    ImageDraw.Draw(picture).ellipse(box, fill=color)


def _recolor(picture: Image.Image, random: np.random.Generator, box: Box) -> Image.Image:
    hue, saturation, value = picture.convert("HSV").split()
    turn = int(random.integers(40, 216))
    other = Image.merge(
        "HSV", (hue.point([(x + turn) % 256 for x in range(256)]), saturation.point(lambda x: max(x, 150)), value)
    )
    return Image.composite(other.convert("RGB"), picture, _ellipse(picture.size, box))


def _add(picture: Image.Image, random: np.random.Generator, box: Box) -> Image.Image:
    result = picture.copy()
    _paint_ellipse(result, box, tuple(map(int, random.integers(0, 256, 3))))
    return result


def _remove(picture: Image.Image, random: np.random.Generator, box: Box) -> Image.Image:
    """The part filled in from its surroundings."""
    from skimage.restoration import inpaint_biharmonic

    mask, (left, top, right, bottom) = np.asarray(_ellipse(picture.size, box)) > 0, box
    around = slice(max(0, top - 6), bottom + 6), slice(max(0, left - 6), right + 6)
    values = np.array(picture)
    filled = inpaint_biharmonic(values[around], mask[around], channel_axis=-1)
    values[around] = (filled * 255).clip(0, 255).astype(np.uint8)
    return Image.fromarray(values)


def _move(picture: Image.Image, random: np.random.Generator, box: Box) -> Image.Image:
    size = box[2] - box[0], box[3] - box[1]
    left, top = (int(random.integers(0, whole - part)) for whole, part in zip(picture.size, size, strict=True))
    result = _remove(picture, random, box)
    result.paste(picture.crop(box), (left, top), _ellipse(picture.size, box).crop(box))
    return result


def _write(picture: Image.Image, random: np.random.Generator, box: Box) -> Image.Image:
    from PIL import ImageFont

    result, color = picture.copy(), tuple(map(int, random.integers(0, 256, 3)))
    text = str(random.choice(["OPEN", "SALE", "1984"]))
    font = ImageFont.load_default(size=max(10, int((box[2] - box[0]) / 2.2)))
    ImageDraw.Draw(result).text(box[:2], text, fill=color, font=font)
    return result


EDITS: dict[str, Callable[[Image.Image, np.random.Generator, Box], Image.Image]] = {
    "color": _recolor,
    "add": _add,
    "remove": _remove,
    "position": _move,
    "text": _write,
}


def known_edit(picture: Image.Image, kind: str, share: float, random: np.random.Generator) -> Image.Image | None:
    """The picture with an edit that is to be seen; None where no place was found for one, as in a plain sky."""
    for _ in range(_TRIES):
        box = _part(picture, random, share)
        result = EDITS[kind](picture, random, box)
        change = np.abs(np.asarray(result, float) - np.asarray(picture, float)).mean(axis=-1) / 255
        changed = change[change > _LEVEL]
        if changed.size > _COVERED * share * change.size and changed.mean() > _LEAST:
            return result
    return None


def cases(pictures: Mapping[str, Image.Image], seed: int) -> Iterator[tuple[str, str, str, Image.Image, Image.Image]]:
    """Name of the picture, edit ('none' where there is none), what is done besides, the picture, and the result."""
    for name, picture in pictures.items():
        random = np.random.default_rng([seed, *name.encode()])
        for under, how in NULLS.items():
            yield name, "none", under, picture, returned(picture, random, how)
        for kind in EDITS:
            for share in _PARTS:
                edited = known_edit(picture, kind, share, random)
                for under in _UNDER if edited else ():
                    yield name, kind, under, picture, returned(edited, random, NULLS[under])


def filters(section: EditSection) -> dict[str, EditSection]:
    """The filter of a scale, and beside it pixels compared as they are, where nothing under 0.02 counts."""
    plain = {"compare": "pixels", "min_change": 0.02, "max_spread": 1.0}
    return {"pixels": section.model_copy(update=plain), section.compare: section}


def measure(sections: Mapping[str, EditSection], pictures: Mapping[str, Image.Image], seed: int) -> pd.DataFrame:
    """What each filter makes of every case.

    Args:
        sections: name of a filter → its parameters.

    Returns:
        The columns filter, picture, edit, under, local, spread, overall, failure ('' for a pair).
    """
    rows = []
    for name, edit, under, before, after in cases(pictures, seed):
        for title, section in sections.items():
            effect = effect_of(before, after, section)
            found = (effect.local, effect.spread, effect.overall, failure_of(effect, effect, section))
            rows.append((title, name, edit, under, *found))
    return pd.DataFrame(rows, columns=["filter", "picture", "edit", "under", "local", "spread", "overall", "failure"])


def rates(found: pd.DataFrame) -> pd.DataFrame:
    """Of `measure`: the columns filter, edit, under, cases, wrong, percent; a pass is wrong where there is no edit."""
    found = found.assign(wrong=(found["failure"] == "") == (found["edit"] == "none"))
    groups = found.groupby(["filter", "edit", "under"], sort=False)["wrong"]
    table = groups.agg(cases="size", wrong="sum").reset_index()
    return table.assign(percent=(100 * table["wrong"] / table["cases"]).round(1))

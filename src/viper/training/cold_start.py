"""Chain-of-thought samples for the cold start: imported from a file, or written from the micro world's truth.

The paper's cold start takes 1K samples of a stronger model. In the micro world the truth plays that model: it looks
closely as a base model does, and answers, without a mistake. It is not part of the ViPER loop, which never sees it.

Both ways write a Parquet file with the columns images (a list), prompt and completion.
"""

import base64
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow
from pydantic import BaseModel, Field

from viper.config.training import ColdStart
from viper.errors import ViperError
from viper.files import atomic_write
from viper.pictures import read_picture
from viper.reading import read_numbered_json_lines
from viper.synthesis.rows import pack_image
from viper.training import world

FEATURES = Features({"images": List(Image()), "prompt": Value("string"), "completion": Value("string")})

Sample = dict[str, Any]  # images (as Pillow has them), prompt, completion

_REMEDY = (
    "Each line has prompt, images (a list: names of files beside it, or base64) and completion, none of them empty: "
    "correct the file, or name another as training.cold_start.source"
)


class _Line(BaseModel):
    """A line of a file of samples; it may have more keys."""

    prompt: Annotated[str, Field(min_length=1)]
    images: Annotated[list[str], Field(min_length=1)]
    completion: Annotated[str, Field(min_length=1)]


def write_samples(section: ColdStart, *, seed: int, out: Path) -> None:
    """Write `section.samples` samples to `out`, from a file or from the truth as `section.source` says.

    Raises:
        ViperError: the file cannot be used, or has too few samples.
    """
    rows = world.samples(section, seed) if section.source == "truth" else _from_file(Path(section.source))
    samples = [
        {**row, "images": [pack_image(image) for image in row["images"]]} for row in islice(rows, section.samples)
    ]
    if len(samples) < section.samples:
        raise ViperError(
            f"{section.source} has {len(samples)} samples, training.cold_start.samples asks for {section.samples}: "
            "lower it or add samples"
        )
    with atomic_write(out) as partial:
        Dataset.from_list(samples, features=FEATURES).to_parquet(partial)


def _from_file(path: Path) -> Iterator[Sample]:
    """Samples of a JSON Lines file: prompt, completion, and images as paths beside it or as base64.

    All lines are looked at before the first sample; pictures are opened one sample at a time.
    """
    if not path.is_file():
        raise ViperError(
            f"no cold-start samples at {path}: put a JSON Lines file with prompt, images, completion there, "
            "or correct training.cold_start.source in the scale's file"
        )
    for number, row in read_numbered_json_lines(path, _Line, _REMEDY):
        images = [_picture(image, path.parent, f"{path}, line {number}") for image in row.images]
        yield {"images": images, "prompt": row.prompt, "completion": row.completion}


def _picture(image: str, folder: Path, where: str) -> Pillow.Image:
    """An image that is named by a file of `folder`, or given as base64."""
    source: Path | bytes = folder / image
    if not os.path.isfile(source):  # noqa: PTH113  (pathlib's raises where base64 is too long for a name)
        try:
            source = base64.b64decode(image, validate=True)
        except ValueError as error:
            raise ViperError(
                f"{where}: image {image[:60]!r} is neither a file in {folder} nor base64. {_REMEDY}"
            ) from error
    return read_picture(source, f"{where}: an image cannot be read")

"""Importing VLMEvalKit safely, and building its data sets from tables that were read safely.

VLMEvalKit is configured through the environment, downloads what it misses, evaluates cells of its files as Python, and
changes global state when imported. All of that is dealt with here, so that the rest of the evaluation only sees data
sets.
"""

import hashlib
import logging
import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from viper.errors import ViperError
from viper.evaluation.benchmark_tables import read_benchmark
from viper.evaluation.registry import scoring
from viper.evaluation.scoring import Scoring
from viper.evaluation.unpacked import is_unpacked, read_unpacked
from viper.evaluation.videos import decord_or_nothing

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset


class ReadBefore:
    """Stands before a class of VLMEvalKit in a data set: it gets a table that was read, and reads no file itself.

    Args:
        dataset: its name. table: see `read_benchmark`. folder: that of its pictures.
    """

    def __init__(self, dataset: str, table: pd.DataFrame, folder: Path):
        self.dataset_name, self.img_root = dataset, str(folder)
        self.skip_noimg, self.meta_only = True, False
        self.data = table
        self.post_build(dataset)

    def load_data(self, dataset: str) -> pd.DataFrame:
        """Never called: data sets are built by `build`."""
        raise NotImplementedError(dataset)

    def dump_image(self, line: pd.Series) -> list[str]:
        """The paths of an item's pictures, which are unpacked already."""
        return list(line["image"])


def import_vlmeval() -> None:
    """Import VLMEvalKit (8 s) and undo what its import does to the process.

    It complains about a missing file with API keys, which nobody needs here, and switches off the verification of TLS
    certificates, torch's gradients and Pillow's limit of pixels for the whole process.
    """
    import torch

    os.environ["PRED_FORMAT"] = "tsv"  # its default, Excel files, costs seconds and changes texts
    https_context, level = ssl._create_default_https_context, logging.root.manager.disable
    gradients, most_pixels = torch.is_grad_enabled(), Image.MAX_IMAGE_PIXELS
    logging.disable(logging.ERROR)
    try:
        import viper.models.torchvision_shim
        import viper.plotting  # noqa: F401  (before it imports matplotlib)

        with decord_or_nothing():
            import vlmeval.dataset  # noqa: F401
    finally:
        logging.disable(level)
        ssl._create_default_https_context = https_context
        torch.set_grad_enabled(gradients)
        Image.MAX_IMAGE_PIXELS = most_pixels


@cache
def dataset_class(scoring: type[Scoring]) -> type:
    """VLMEvalKit's class of a kind of benchmark, behind `ReadBefore`."""
    import_vlmeval()
    return type(scoring.__name__, (ReadBefore, scoring().known_class()), {})


def _known(name: str) -> type:
    return dataset_class(type(scoring(name)))


def source_url(name: str) -> str | None:
    """Where VLMEvalKit would download the benchmark from; None where it does not know."""
    return getattr(_known(name), "DATASET_URL", {}).get(name)


# Everybody makes its table of what is published, with the rows in some order: VLMEvalKit's MD5 is that of one of them.
# It is held to by its content when it is unpacked.
_WITHOUT_ORDER = {"MME-RealWorld"}


def require_data(name: str, folder: Path) -> Path:
    """The TSV of an official benchmark, present and, where VLMEvalKit knows its MD5, intact.

    Raises:
        ViperError: it is missing or has another MD5 (VLMEvalKit would silently start to download it).
    """
    path = folder / f"{name}.tsv"
    if not path.is_file():
        raise ViperError(f"benchmark {name}: {path} is missing: fetch it, or put it there (see evaluation.folder)")
    expected = None if name in _WITHOUT_ORDER else getattr(_known(name), "DATASET_MD5", {}).get(name)
    if expected is not None and _md5(path) != expected:
        raise ViperError(
            f"benchmark {name}: {path} does not have the MD5 {expected} of the published file: remove it, and fetch it"
        )
    return path


def build(name: str, folder: Path, path: Path | None = None) -> "ImageBaseDataset":
    """VLMEvalKit's data set `name`. Build it anew for every model: inference changes it.

    Args:
        name: of a benchmark, see `viper.evaluation.registry`.
        folder: becomes VLMEvalKit's data folder; pictures are unpacked into `images`/`name` below it.
        path: the benchmark's file, or one that leads to the table of an unpacked one, whose pictures stay where they
            are; None: `folder`/`name`.tsv.

    Raises:
        ViperError: the file is not there, a cell is not what it must be, or the rows are not of this benchmark's form.
    """
    path = path or folder / f"{name}.tsv"
    if not path.is_file():
        raise ViperError(f"benchmark {name}: {path} is missing: make it first")
    os.environ["LMUData"] = str(folder.resolve())  # noqa: SIM112  (VLMEvalKit reads it at every access)
    pictures = folder.resolve() / "images" / name
    kind = scoring(name)
    if is_unpacked(path):
        table = read_unpacked(name, path)
    else:
        table = read_benchmark(path, pictures, needed=kind.needed, lists=kind.lists)
    kind.check_form(table, path)
    dataset = _known(name)(name, kind.prepared(table), pictures)
    kind.adjust(dataset)
    return dataset


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()

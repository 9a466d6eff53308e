"""Importing VLMEvalKit safely, and building its data sets from tables that were read safely.

VLMEvalKit is configured through the environment, downloads what it misses, evaluates cells of its files as Python, and
imports all that it has, changing global state, when a part is imported. All of that is dealt with here, so that the
rest of the evaluation only sees data sets.
"""

import hashlib
import os
import sys
from functools import cache
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from viper.errors import ViperError
from viper.evaluation.benchmark_tables import read_benchmark
from viper.evaluation.registry import scoring
from viper.evaluation.scoring import Scoring
from viper.evaluation.unpacked import is_unpacked, read_unpacked

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset


# What is entered without being run, each behind the package that it is in, with the names that modules which do run
# take from it, and do not use with our data sets and our model.
_ENTERED = {
    "vlmeval": {},
    "vlmeval.config": {"supported_VLM": {}},
    "vlmeval.dataset": {"DATASET_TYPE": None},
    "vlmeval.vlm": {},
}


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
    """Let modules of VLMEvalKit be imported alone, without every model, API client and benchmark that it knows.

    Its packages import all of these, and the libraries of each, when one module is wanted (4 s more of every start);
    and as they do, they switch off the verification of TLS certificates and torch's gradients, and complain about a
    missing file of API keys. So the packages are entered without being run. What they would hold is not there: a name
    that is wanted from one all the same is an ImportError. Where VLMEvalKit was imported before, it stays as it is.
    """
    os.environ["PRED_FORMAT"] = "tsv"  # its default, Excel files, costs seconds and changes texts
    if "vlmeval" in sys.modules:
        return
    for name, names in _ENTERED.items():
        spec = find_spec(name)
        if spec is None:
            raise ViperError(f"{name} is not installed: run `make setup`")
        module = module_from_spec(spec)
        vars(module).update(names)
        sys.modules[name] = module
    most_pixels = Image.MAX_IMAGE_PIXELS
    try:
        import vlmeval.smp  # noqa: F401
    finally:
        Image.MAX_IMAGE_PIXELS = most_pixels  # it would let pictures of any size be opened, in the whole process


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


# Tables that everybody makes of what is published. Of MME-RealWorld VLMEvalKit has the MD5 of one, with its rows in
# some order; what such a table must have is looked at when it is unpacked.
_MADE = ("MME-RealWorld", "Mantis-Eval")


def require_data(name: str, folder: Path) -> Path:
    """The TSV of an official benchmark, present and, where VLMEvalKit knows its MD5, intact.

    Raises:
        ViperError: it is missing or has another MD5 (VLMEvalKit would silently start to download it).
    """
    path = folder / f"{name}.tsv"
    if not path.is_file():
        raise ViperError(
            f"benchmark {name}: {path} is missing: `snakemake fetch`, or put it there (see evaluation.folder)"
        )
    expected = None if name in _MADE else getattr(_known(name), "DATASET_MD5", {}).get(name)
    if expected is not None and _md5(path) != expected:
        raise ViperError(
            f"benchmark {name}: {path} does not have the MD5 {expected} of the published file: remove it, then "
            "`snakemake fetch`"
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

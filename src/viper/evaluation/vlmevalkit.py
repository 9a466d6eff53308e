"""Importing VLMEvalKit safely, and building its data sets from tables that were read safely.

VLMEvalKit is configured through the environment, downloads what it misses, evaluates cells of its files as Python, and
changes global state when imported. All of that is dealt with here, so that the rest of the evaluation only sees data
sets.
"""

import hashlib
import logging
import os
import ssl
import string
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from PIL import Image

from viper.errors import ViperError
from viper.evaluation.answers import Kind, options_in
from viper.evaluation.benchmark_tables import read_benchmark
from viper.evaluation.videos import decord_or_nothing

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset

_OPTIONS = "multi-choice options"  # MME-RealWorld's column: a text, in its Lite version a list
_TASKS = ("Perception", "Reasoning")
_SUBTASKS = ("Monitoring", "Autonomous_Driving", "OCR with Complex Context", "Diagram and Table", "Remote Sensing")
_CRPE_CATEGORIES = ("exist", "subject", "predicate", "object")
CRPE_TURNS = 4  # an item of CRPE is asked so often, its options turned


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
def _classes() -> dict[str, type]:
    """Benchmark → VLMEvalKit class, behind `ReadBefore`; the micro counterparts use the class of their model."""
    import_vlmeval()
    from vlmeval.dataset.image_mcq import ImageMCQDataset, MMERealWorld
    from vlmeval.dataset.image_vqa import CRPE
    from vlmeval.dataset.image_yorn import ImageYORNDataset

    from viper.evaluation.mantis import MantisEval

    class MultipleChoice(ReadBefore, ImageMCQDataset):
        pass

    class RealWorld(ReadBefore, MMERealWorld):
        SYS = {  # noqa: RUF012  (VLMEvalKit's attribute)
            **MMERealWorld.SYS,
            "MicroHighRes": MMERealWorld.SYS["MME-RealWorld"],
        }

    class Mantis(ReadBefore, MantisEval):
        pass

    class YesOrNo(ReadBefore, ImageYORNDataset):
        pass

    class Relations(ReadBefore, CRPE):
        pass

    return {
        "MMStar": MultipleChoice,
        "RealWorldQA": MultipleChoice,
        "MME-RealWorld": RealWorld,
        "MME-RealWorld-Lite": RealWorld,
        "BLINK": MultipleChoice,
        "Mantis-Eval": Mantis,
        "HallusionBench": YesOrNo,
        "CRPE_RELATION": Relations,
        "CRPE_EXIST": Relations,
        "MMVP": MultipleChoice,
        "MicroStar": MultipleChoice,
        "MicroWorldQA": MultipleChoice,
        "MicroHighRes": RealWorld,
        "MicroBlink": MultipleChoice,
        "MicroMantis": Mantis,
        "MicroHallusion": YesOrNo,
        "MicroCRPE": Relations,
    }


def source_url(name: str) -> str | None:
    """Where VLMEvalKit would download the benchmark from; None where it does not know."""
    return getattr(_classes()[name], "DATASET_URL", {}).get(name)


def require_data(name: str, folder: Path) -> Path:
    """The TSV of an official benchmark, present and, where VLMEvalKit knows its MD5, intact.

    Raises:
        ViperError: it is missing or has another MD5 (VLMEvalKit would silently start to download it).
    """
    path = folder / f"{name}.tsv"
    known = _classes()[name]
    source = {
        "Mantis-Eval": "convert TIGER-Lab/Mantis-Eval with `python -m viper convert-mantis`",
        "MME-RealWorld": "take it from the hub data set yifanzhang114/MME-RealWorld-Base64",
        "MME-RealWorld-Lite": "take it from the hub data set yifanzhang114/MME-RealWorld-Base64",
    }.get(name, f"take it from {source_url(name)}")
    if not path.is_file():
        raise ViperError(f"benchmark {name}: {path} is missing; {source}, and put it there (see evaluation.folder)")
    expected = getattr(known, "DATASET_MD5", {}).get(name)
    if expected is not None and _md5(path) != expected:
        raise ViperError(f"benchmark {name}: {path} does not have the MD5 {expected} of the published file; {source}")
    return path


def build(name: str, folder: Path, path: Path | None = None) -> "ImageBaseDataset":
    """VLMEvalKit's data set `name`. Build it anew for every model: inference changes it.

    Args:
        name: a key of the table above.
        folder: becomes VLMEvalKit's data folder; pictures are unpacked into `images`/`name` below it.
        path: the benchmark's file; None: `folder`/`name`.tsv.

    Raises:
        ViperError: the file is not there, a cell is not what it must be, or the rows are not of this benchmark's form.
    """
    path = path or folder / f"{name}.tsv"
    if not path.is_file():
        raise ViperError(f"benchmark {name}: {path} is missing: make it first")
    os.environ["LMUData"] = str(folder.resolve())  # noqa: SIM112  (VLMEvalKit reads it at every access)
    pictures = folder.resolve() / "images" / name
    is_lite = name == "MME-RealWorld-Lite"
    needed = {"category", "l2-category", _OPTIONS} if is_real_world(name) else {"category"} if is_crpe(name) else set()
    table = read_benchmark(path, pictures, needed=needed, lists={_OPTIONS} if is_lite else set())
    _check_form(name, table, path)
    return _classes()[name](name, _with_options(table) if is_lite else table, pictures)


def is_crpe(name: str) -> bool:
    """Whether a benchmark is scored as CRPE is: an item is asked four times in a row."""
    return "CRPE" in name


def rows_together(name: str) -> int:
    """How many rows in a row are scored together, so that none of them may be left out."""
    return CRPE_TURNS if is_crpe(name) else 2 if name == "MMVP" else 1


def is_hallusion(name: str) -> bool:
    """Whether a benchmark is scored as HallusionBench is: by figures and questions."""
    return "Hallusion" in name


def is_real_world(name: str) -> bool:
    """Whether a benchmark is scored as MME-RealWorld is: letters only."""
    return name.startswith("MME-RealWorld") or name == "MicroHighRes"


def is_mantis(name: str) -> bool:
    """Whether a benchmark mixes multiple choice and short answers."""
    return "Mantis" in name


def answer_kind(name: str, options: dict[str, str]) -> Kind:
    """What an answer to an item of this benchmark is, given the item's options."""
    if is_hallusion(name):
        return "yes/no"
    if is_real_world(name):
        return "letter"
    return "text" if is_mantis(name) and not options else "choice"


def options_of(name: str, item: pd.Series) -> dict[str, str]:
    """The options of an item, letter → text."""
    if is_crpe(name):
        return options_in(item["question"])
    return {letter: item[letter] for letter in string.ascii_uppercase if letter in item and not pd.isna(item[letter])}


def _check_form(name: str, table: pd.DataFrame, path: Path) -> None:
    """What a class takes for granted, and would stop at after the model has answered everything.

    Raises:
        ViperError: an item is not so.
    """

    def must(what: str, wrong: pd.Series) -> None:
        if wrong.any():
            raise ViperError(f"{path}, item {table['index'][wrong].iloc[0]}: {what}; nothing of this benchmark was run")

    if is_hallusion(name):
        must(
            "its index is not VD_<category>_<...>_<set>_<figure>_<question>", table["index"].map(str).str.count("_") < 5
        )
    if is_real_world(name):
        parts = table["category"].str.split("/")
        known = [len(each) > 1 and each[0] in _TASKS and each[1] in _SUBTASKS for each in parts]
        must(f"its category is not one of {'|'.join(_TASKS)}/{'|'.join(_SUBTASKS)}", ~pd.Series(known, table.index))
    if is_crpe(name):
        must(f"its category is not one of {', '.join(_CRPE_CATEGORIES)}", ~table["category"].isin(_CRPE_CATEGORIES))
    if len(table) % rows_together(name):
        raise ViperError(f"{path}: has {len(table)} rows, but they are scored {rows_together(name)} at a time")
    if name == "MMVP" and table["question"][::2].tolist() != table["question"][1::2].tolist():
        raise ViperError(f"{path}: two rows that follow each other must ask the same question")


def _with_options(table: pd.DataFrame) -> pd.DataFrame:
    """MME-RealWorld-Lite with its lists of five options as the text and columns that its class would make of them."""
    lists = table[_OPTIONS]
    for letter, place in zip("ABCDE", range(5), strict=True):
        table[letter] = [options[place][4:] if place < len(options) else float("nan") for options in lists]
    table[_OPTIONS] = ["The choices are listed below:\n" + "\n".join(options) for options in lists]
    return table


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()

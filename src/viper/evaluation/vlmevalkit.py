"""Importing VLMEvalKit safely, and building its data sets from files that are already there.

VLMEvalKit is configured through the environment, downloads what it misses, and changes global state when imported. All
of that is dealt with here, so that the rest of the evaluation only sees data sets.
"""

import hashlib
import logging
import os
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from viper.errors import ViperError
from viper.evaluation.answers import Kind
from viper.evaluation.videos import decord_or_nothing

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset


def import_vlmeval() -> None:
    """Import VLMEvalKit (8 s) and undo what its import does to the process.

    It complains about a missing file with API keys, which nobody needs here, and switches off the verification of TLS
    certificates and torch's gradients for the whole process.
    """
    import torch

    os.environ["PRED_FORMAT"] = "tsv"  # its default, Excel files, costs seconds and changes texts
    https_context, level = ssl._create_default_https_context, logging.root.manager.disable
    gradients = torch.is_grad_enabled()
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


@cache
def _classes() -> dict[str, type]:
    """Benchmark → VLMEvalKit class; the micro counterparts use the class of their model."""
    import_vlmeval()
    from vlmeval.dataset.image_base import ImageBaseDataset
    from vlmeval.dataset.image_mcq import ImageMCQDataset, MMERealWorld
    from vlmeval.dataset.image_vqa import CRPE
    from vlmeval.dataset.image_yorn import ImageYORNDataset

    from viper.evaluation.mantis import MantisEval

    class RealWorld(MMERealWorld):
        """MME-RealWorld, read from the data folder as all others are, instead of from the hub's cache."""

        SYS = {  # noqa: RUF012  (VLMEvalKit's attribute)
            **MMERealWorld.SYS,
            "MicroHighRes": MMERealWorld.SYS["MME-RealWorld"],
        }
        load_data = ImageBaseDataset.load_data

    return {
        "MMStar": ImageMCQDataset,
        "RealWorldQA": ImageMCQDataset,
        "MME-RealWorld": RealWorld,
        "MME-RealWorld-Lite": MMERealWorld,  # reads its file from the data folder by itself
        "BLINK": ImageMCQDataset,
        "Mantis-Eval": MantisEval,
        "HallusionBench": ImageYORNDataset,
        "CRPE_RELATION": CRPE,
        "CRPE_EXIST": CRPE,
        "MMVP": ImageMCQDataset,
        "MicroStar": ImageMCQDataset,
        "MicroWorldQA": ImageMCQDataset,
        "MicroHighRes": RealWorld,
        "MicroBlink": ImageMCQDataset,
        "MicroMantis": MantisEval,
        "MicroHallusion": ImageYORNDataset,
        "MicroCRPE": CRPE,
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


def build(name: str, folder: Path) -> "ImageBaseDataset":
    """VLMEvalKit's data set `name` from `folder`/`name`.tsv. Build it anew for every model: inference changes it.

    Args:
        name: a key of the table above.
        folder: becomes VLMEvalKit's data folder; pictures are unpacked below it.

    Raises:
        ViperError: the file is not there.
    """
    path = folder / f"{name}.tsv"
    if not path.is_file():
        raise ViperError(f"benchmark {name}: {path} is missing: make it first")
    os.environ["LMUData"] = str(folder.resolve())  # noqa: SIM112  (VLMEvalKit reads it at every access)
    return _classes()[name](dataset=name)


def answer_kind(name: str) -> Kind:
    """What an answer to this benchmark is."""
    if name in ("HallusionBench", "MicroHallusion"):
        return "yes/no"
    # Mantis mixes letters and words: reducing "A dog" to a letter would be wrong, and its own scoring copes.
    return "text" if name in ("Mantis-Eval", "MicroMantis") else "choice"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()

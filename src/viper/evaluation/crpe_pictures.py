"""CRPE's pictures, which its table only names: those of COCO, and the unusual ones that its authors publish."""

import logging
import shutil
from pathlib import Path

from tqdm import tqdm

from viper.errors import ViperError
from viper.evaluation.benchmark_tables import named_pictures
from viper.evaluation.downloads import UnreachableError, download
from viper.manifest import write_manifest
from viper.models.hub import fetch_data

_log = logging.getLogger(__name__)

ABNORMAL = "OpenGVLab/CRPE@a2bf6bc9e46d88688121f606b4b2d4b4ae67935b"  # holds abnormal_images/
COCO = "http://images.cocodataset.org/"  # one address a picture, which never changed
_COCO_FOLDER, _ABNORMAL_FOLDER = "coco/", "abnormal_images/"


def fetch_pictures(table: Path, folder: Path) -> Path:
    """Make `folder` hold every picture that `table` names, below the names that it has there; return its manifest.

    Pictures that are there already stay. Those of COCO have no published hash: that they are pictures is checked when
    the benchmark is unpacked.

    Raises:
        ViperError: a picture can be had from neither source: where to put it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in named_pictures(table) if not (folder / name).is_file()]
    _from_authors([name for name in missing if name.startswith(_ABNORMAL_FOLDER)], folder)
    for name in tqdm([name for name in missing if not name.startswith(_ABNORMAL_FOLDER)], desc="COCO", unit="picture"):
        _from_coco(name, folder)
    _log.info("%s: %d pictures were fetched, the others were there", folder, len(missing))
    return write_manifest(folder)


def _from_authors(names: list[str], folder: Path) -> None:
    if not names:
        return
    kept = folder.with_name(f".{folder.name}.download")
    for found in fetch_data(ABNORMAL, names, kept, f"put its folder abnormal_images below {folder}"):
        (folder / found.relative_to(kept)).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found, folder / found.relative_to(kept))
    shutil.rmtree(kept)


def _from_coco(name: str, folder: Path) -> None:
    if not name.startswith(_COCO_FOLDER):
        raise ViperError(f"{folder / name} is missing, and is no picture of COCO: put it there")
    url, path = COCO + name.removeprefix(_COCO_FOLDER), folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        download(url, partial)
    except UnreachableError as error:
        partial.unlink(missing_ok=True)
        raise ViperError(f"{path} is missing, and {url}: {error}. Put it there: COCO's val2017.zip has it") from error
    partial.replace(path)

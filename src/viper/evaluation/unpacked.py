"""A benchmark unpacked, once for all jobs: a small table, its pictures as files, and a manifest of both.

    FOLDER/unpacked/NAME/table.tsv       the rows as they are published, `image_path` in place of the pictures
    FOLDER/unpacked/NAME/pictures/       each picture in its own format
    FOLDER/unpacked/NAME/manifest.json   written last

Every picture was decoded when it was unpacked, so that jobs open only those that they show a model. The folder appears
whole under its name, and takes the place of an older one whole.
"""

import shutil
from pathlib import Path

import pandas as pd

from viper import digests
from viper.errors import ViperError
from viper.evaluation import mme_realworld
from viper.evaluation.benchmark_tables import read_benchmark
from viper.evaluation.registry import scoring
from viper.files import atomic_write, put_table
from viper.manifest import MANIFEST, Facts, listing, read_manifest

TABLE, PICTURES = "table.tsv", "pictures"
REMEDY = "Remove the folder, and run the rule unpack_benchmark again"
_CONTENT = {"MME-RealWorld": mme_realworld.check_content}  # held to by its content: its table has no fixed order


def unpack(name: str, source: Path, given: Path, folder: Path) -> Path:
    """Make `folder` the benchmark `name` unpacked; return its manifest.

    Args:
        source: the published table. given: the folder of pictures that it only names, if it does.

    Raises:
        ViperError: the table is not what it must be: file, row, column; or it is not the published one.
    """
    kind = scoring(name)
    with atomic_write(folder) as partial:
        (partial / PICTURES).mkdir(parents=True)
        table = read_benchmark(source, partial / PICTURES, needed=kind.needed, lists=kind.lists, given=given)
        kind.check_form(table, source)
        if name in _CONTENT:
            _CONTENT[name](table, source)
        table["image_path"] = [_cell(_moved(paths, given, partial / PICTURES)) for paths in table.pop("image")]
        put_table(partial / TABLE, table)
        (partial / MANIFEST).write_text(listing(partial), encoding="utf-8")
    return folder / MANIFEST


def _moved(paths: list[str], given: Path, pictures: Path) -> list[str]:
    """The names of an item's pictures below `pictures`; one that lies elsewhere is copied there."""
    names = []
    for path in map(Path, paths):
        if not path.is_relative_to(pictures.absolute()):
            name = path.relative_to(given.resolve())
            (pictures / name).parent.mkdir(parents=True, exist_ok=True)
            if not (pictures / name).is_file():
                shutil.copyfile(path, pictures / name)
            names.append(name.as_posix())
        else:
            names.append(path.relative_to(pictures.absolute()).as_posix())
    return names


def _cell(names: list[str]) -> str:
    return names[0] if len(names) == 1 else str(names)


def is_unpacked(path: Path) -> bool:
    """Whether a benchmark's table, or what a link of that name leads to, is one of an unpacked benchmark."""
    return path.resolve().name == TABLE and (path.resolve().parent / MANIFEST).is_file()


def standing_for(path: Path) -> Path:
    """The one file that says what a benchmark is, pictures included: its own, or the manifest of an unpacked one."""
    return path.resolve().parent / MANIFEST if is_unpacked(path) else path


def read_unpacked(name: str, path: Path) -> pd.DataFrame:
    """Read the unpacked benchmark `name` from its table, or a link to that; no picture is opened.

    Returns:
        As `read_benchmark`.

    Raises:
        ViperError: the table has other bytes than the manifest lists; a picture is missing or has another size.
    """
    folder, kind = path.resolve().parent, scoring(name)
    listed = read_manifest(folder / MANIFEST).files
    digests.check_against(folder / TABLE, listed[TABLE].sha256, f"listed in {folder / MANIFEST}", REMEDY)
    table = read_benchmark(folder / TABLE, folder / PICTURES, needed=kind.needed, lists=kind.lists, are_known=True)
    _check_sizes(table, folder, listed)
    return table


def _check_sizes(table: pd.DataFrame, folder: Path, listed: dict[str, Facts]) -> None:
    for path in sorted({path for paths in table["image"] for path in map(Path, paths)}):
        facts = listed.get(path.relative_to(folder).as_posix())
        if facts is None or path.stat().st_size != facts.bytes:
            raise ViperError(f"{path}: is not the picture that {folder / MANIFEST} lists. {REMEDY}")

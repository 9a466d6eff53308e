"""Seed images from photographs, of a folder or of a data set of the hub, in shards of Parquet."""

import csv
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from viper.config.images import Images
from viper.errors import ViperError
from viper.files import atomic_write
from viper.synthesis.likeness import Known
from viper.synthesis.photographs import (
    UnusablePhotographError,
    find_photographs,
    pixel_hash,
    printable,
    read_photograph,
)
from viper.synthesis.rows import Row, pack_image, write_rows
from viper.synthesis.schemas import SEED_IMAGES
from viper.synthesis.tables import read_step

log = logging.getLogger(__name__)


def collect_images(
    images: Images,
    *,
    seed: int,
    out: Sequence[Path],
    skipped: Path,
    data: Path | None = None,
    benchmarks: dict[str, Path] | None = None,
    more: str = "",
    before: Sequence[Path] = (),
) -> None:
    """Read photographs into the shards `out`; count those that are left out by reason.

    At most `images.number` are taken, in an order that follows from `seed`. `skipped` gets the columns reason, number,
    examples.

    Args:
        data: folder of the data set, where `images.hub` names one.
        benchmarks: name → hashes of its pictures (`viper.synthesis.likeness`), with which photographs are compared.
        more: take those of this part of `images.more` instead.
        before: shards that there are already; their photographs are duplicates.

    Raises:
        ViperError: no file, or no usable one; or the data set is not what it should be.
    """
    part, key = (images.more[more], f"images.more.{more}.paths") if more else (images, "images.paths")
    if not more and images.source == "hub":
        key = "images.hub"
        there, photographs = _of_data_set(images, data, seed)
    else:
        there, photographs = _of_folder(part.paths, key, seed)
    known_elsewhere = Known(benchmarks, images.benchmark_distance) if benchmarks else None
    wanted = min(part.number, there)
    sizes = [len(part) for part in np.array_split(np.arange(wanted), len(out))]
    reasons: dict[str, list[str]] = defaultdict(list)
    known = {row["id"] for path in before for row in read_step(path, "images", ["id"])}
    others = len(known)
    remaining = iter(tqdm(photographs, total=there, desc="photographs", unit="file"))
    for size, table in zip(sizes, out, strict=True):  # one shard in memory at a time
        rows: list[Row] = []
        while len(rows) < size and (photograph := next(remaining, None)) is not None:
            name, content = photograph
            try:
                image = read_photograph(content, images)
                row_id = f"photo-{pixel_hash(image)[:16]}"
                if row_id in known:
                    raise UnusablePhotographError("duplicate")
                if known_elsewhere and (benchmark := known_elsewhere.find(image)):
                    raise UnusablePhotographError(f"like a picture of {benchmark}")
            except UnusablePhotographError as reason:
                log.info("skipped %s: %s", name, reason)
                reasons[str(reason)].append(name)
                continue
            known.add(row_id)
            rows.append({"id": row_id, "image": pack_image(image), "source": name})
        write_rows(table, rows, SEED_IMAGES.columns)
    found = len(known) - others
    if not found:
        counts = ", ".join(f"{len(paths)} {reason}" for reason, paths in sorted(reasons.items()))
        raise ViperError(f"{key}: none of {there} files is usable ({counts}): name other photographs")
    if found < part.number:
        log.warning("%d of the %d wanted seed images are there", found, part.number)
    with atomic_write(skipped) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["reason", "number", "examples"])
        for reason, paths in sorted(reasons.items()):
            table.writerow([reason, len(paths), "; ".join(paths[:3])])


def _of_folder(paths: list[str], key: str, seed: int) -> tuple[int, Iterator[tuple[str, Path]]]:
    """How many files the patterns of this key name, and these with their printable names, shuffled."""
    files = find_photographs(paths, key)
    order = np.random.default_rng(seed).permutation(len(files))
    return len(files), ((printable(files[position]), files[position]) for position in order)


def _of_data_set(images: Images, folder: Path, seed: int) -> tuple[int, Iterator[tuple[str, bytes]]]:
    """How many rows the files of `images.hub` have, and the pictures in them with their names.

    Groups of rows, of which one at a time is in memory, come in an order that follows from the seed, and so do the rows
    of each.

    Raises:
        ViperError: a file is missing or no Parquet, or has no such column, or two of them. Or, once its rows are asked
            for, it is damaged.
    """
    groups, there, column = [], 0, images.hub.column
    for name in images.hub.files:
        with _readable(folder / name):
            table = pq.ParquetFile(folder / name)
            columns = table.schema_arrow.names
        if column not in columns:
            raise ViperError(f"images.hub.column: {name} has no '{column}', but {', '.join(columns)}")
        if (number := columns.count(column)) > 1:
            raise ViperError(
                f"images.hub.column: {name} has '{column}' {number} times: name another column or data set"
            )
        there += table.metadata.num_rows
        groups += [(name, table, group) for group in range(table.num_row_groups)]
    return there, _rows_of(groups, folder, column, np.random.default_rng(seed))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file that pyarrow cannot read, which its errors do not.

    Raises:
        ViperError: it is missing, damaged or no Parquet.
    """
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = printable(" ".join(str(error).split()))  # which may have several lines, and bytes of the file
        raise ViperError(f"images.hub.files: {path} cannot be read ({reason}): fetch it again") from error


def _rows_of(
    groups: list[tuple[str, pq.ParquetFile, int]], folder: Path, column: str, rng: np.random.Generator
) -> Iterator[tuple[str, bytes]]:
    for place in rng.permutation(len(groups)):
        name, table, group = groups[place]
        with _readable(folder / name):
            cells = table.read_row_group(group, columns=[column]).column(column).to_pylist()
        for row in rng.permutation(len(cells)):
            cell = cells[row]
            content = cell.get("bytes") if isinstance(cell, dict) else cell
            yield f"{name}, group {group}, row {row}", content if isinstance(content, bytes) else b""

"""Seed images from the photographs of a folder, in shards of Parquet."""

import csv
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from viper.config.images import Images
from viper.errors import ViperError
from viper.files import atomic_write
from viper.synthesis.photographs import (
    UnusablePhotographError,
    find_photographs,
    pixel_hash,
    printable,
    read_photograph,
)
from viper.synthesis.rows import Row, pack_image, write_rows
from viper.synthesis.schemas import SEED_IMAGES

log = logging.getLogger(__name__)


def collect_images(images: Images, *, seed: int, out: Sequence[Path], skipped: Path) -> None:
    """Read the photographs that `images.paths` names into the shards `out`; count the unusable ones by reason.

    At most `images.number` are taken, shuffled by `seed`. `skipped` gets the columns reason, number, examples.

    Raises:
        ViperError: no file, or no usable one.
    """
    files = find_photographs(images.paths)
    files = [files[position] for position in np.random.default_rng(seed).permutation(len(files))]
    wanted = min(images.number, len(files))
    sizes = [len(part) for part in np.array_split(np.arange(wanted), len(out))]
    reasons: dict[str, list[str]] = defaultdict(list)
    known: set[str] = set()
    remaining = iter(tqdm(files, desc="photographs", unit="file"))
    for size, table in zip(sizes, out, strict=True):  # one shard in memory at a time
        rows: list[Row] = []
        while len(rows) < size and (path := next(remaining, None)) is not None:
            try:
                image = read_photograph(path, images)
                digest = pixel_hash(image)
                if digest in known:
                    raise UnusablePhotographError("duplicate")
            except UnusablePhotographError as reason:
                log.info("skipped %s: %s", printable(path), reason)
                reasons[str(reason)].append(printable(path))
                continue
            known.add(digest)
            rows.append({"id": f"photo-{digest[:16]}", "image": pack_image(image), "source": printable(path)})
        write_rows(table, rows, SEED_IMAGES.columns)
    if not known:
        counts = ", ".join(f"{len(paths)} {reason}" for reason, paths in sorted(reasons.items()))
        raise ViperError(f"images.paths: none of {len(files)} files is usable ({counts}): name other photographs")
    if len(known) < images.number:
        log.warning("%d of the %d wanted seed images are there", len(known), images.number)
    with atomic_write(skipped) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["reason", "number", "examples"])
        for reason, paths in sorted(reasons.items()):
            table.writerow([reason, len(paths), "; ".join(paths[:3])])

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
from viper.synthesis.tables import read_step

log = logging.getLogger(__name__)


def collect_images(
    images: Images, *, seed: int, out: Sequence[Path], skipped: Path, more: str = "", before: Sequence[Path] = ()
) -> None:
    """Read the photographs that `images.paths` names into the shards `out`; count the unusable ones by reason.

    At most `images.number` are taken, shuffled by `seed`. `skipped` gets the columns reason, number, examples.

    Args:
        more: take those of this part of `images.more` instead.
        before: shards that there are already; their photographs are duplicates.

    Raises:
        ViperError: no file, or no usable one.
    """
    part, key = (images.more[more], f"images.more.{more}") if more else (images, "images")
    files = find_photographs(part.paths, f"{key}.paths")
    files = [files[position] for position in np.random.default_rng(seed).permutation(len(files))]
    wanted = min(part.number, len(files))
    sizes = [len(part) for part in np.array_split(np.arange(wanted), len(out))]
    reasons: dict[str, list[str]] = defaultdict(list)
    known = {row["id"] for path in before for row in read_step(path, "images", ["id"])}
    others = len(known)
    remaining = iter(tqdm(files, desc="photographs", unit="file"))
    for size, table in zip(sizes, out, strict=True):  # one shard in memory at a time
        rows: list[Row] = []
        while len(rows) < size and (path := next(remaining, None)) is not None:
            try:
                image = read_photograph(path, images)
                name = f"photo-{pixel_hash(image)[:16]}"
                if name in known:
                    raise UnusablePhotographError("duplicate")
            except UnusablePhotographError as reason:
                log.info("skipped %s: %s", printable(path), reason)
                reasons[str(reason)].append(printable(path))
                continue
            known.add(name)
            rows.append({"id": name, "image": pack_image(image), "source": printable(path)})
        write_rows(table, rows, SEED_IMAGES.columns)
    found = len(known) - others
    if not found:
        counts = ", ".join(f"{len(paths)} {reason}" for reason, paths in sorted(reasons.items()))
        raise ViperError(f"{key}.paths: none of {len(files)} files is usable ({counts}): name other photographs")
    if found < part.number:
        log.warning("%d of the %d wanted seed images are there", found, part.number)
    with atomic_write(skipped) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["reason", "number", "examples"])
        for reason, paths in sorted(reasons.items()):
            table.writerow([reason, len(paths), "; ".join(paths[:3])])

"""Per-item predictions of several lineages and seeds on one benchmark, checked to be about the same items."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from viper import reading
from viper.errors import ViperError
from viper.lineage import is_trained

_REMEDY = "Evaluate this lineage again: remove the file, and snakemake does so by itself"


def path_of(folder: str | Path, seed: int, lineage: str, split: str, benchmark: str) -> Path:
    """Where the evaluation wrote the predictions of one lineage, trained with one run seed, on one benchmark.

    What is not trained was evaluated once for all run seeds.
    """
    root = Path(folder) / f"seed{seed}" if is_trained(lineage) else Path(folder)
    return root / lineage / split / f"{benchmark}.tsv"


def read(
    folder: str | Path, benchmark: str, split: str, lineages: Sequence[str], seeds: Sequence[int]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Read one benchmark.

    Returns:
        items: the columns that describe the items, one row per item in the order of `index`.
        hits: (lineages, seeds, items) of 0 or 1.

    Raises:
        ViperError: a file is missing or lacks a column, a hit is neither 0 nor 1, or two files hold different items.
    """
    items: pd.DataFrame | None = None
    hits = []
    for lineage in lineages:
        for seed in seeds:
            path = path_of(folder, seed, lineage, split, benchmark)
            table = read_items(folder, seed, lineage, split, benchmark)
            if items is None:
                items, first = table.drop(columns="hit"), path
            elif not table["index"].equals(items["index"]):
                raise ViperError(
                    f"{path}: holds other items than {first}; a paired comparison needs the same ones: "
                    f"make the benchmark again, then the predictions"
                )
            hits.append(table["hit"].to_numpy(dtype=float))
    if items is None:
        raise ViperError(f"{benchmark}: no lineage or no run seed was asked for")
    return items, np.stack(hits).reshape(len(lineages), len(seeds), len(items))


def read_items(folder: str | Path, seed: int, lineage: str, split: str, benchmark: str) -> pd.DataFrame:
    """Read the items of one lineage and run seed, in the order of `index`; every cell but `hit` is text as it was said.

    Raises:
        ViperError: the file is missing, damaged or lacks a column, has an item twice, or a hit is neither 0 nor 1.
    """
    path = path_of(folder, seed, lineage, split, benchmark)
    if not path.exists():
        raise ViperError(f"{path}: missing: evaluate this lineage first (snakemake evaluates it by itself)")
    table = reading.read_table(path, needed=("index", "hit"), numbers=("hit",), remedy=_REMEDY)
    if table.empty or table["index"].duplicated().any():
        raise ViperError(f"{path}: has no items, or one item twice: evaluate again")
    if not table["hit"].isin([0, 1]).all():
        raise ViperError(f"{path}: the column hit must hold 0 or 1 only: evaluate again")
    return table.sort_values("index", ignore_index=True)

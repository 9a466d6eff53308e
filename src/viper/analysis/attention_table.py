"""Attention inside the changed region: shares with intervals, and the maps that the figure draws."""

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Benchmark, Scores, resample
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, PERCENT, SHARE, keyed
from viper.analysis.runs import by_run, distinct
from viper.config.analysis import Analysis
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.reading import read_parquet, read_table
from viper.synthesis.rows import by_id, read_rows

METHODS = ("last layer", "rollout")  # as `viper.evaluation.attention` calls them
MEASURED = ["id", "method", "share", "area", "statement", "rows", "columns", "changed", "before", "after"]  # by it
AREA = "area"  # beside the lineages: what attention would be if it were spread evenly
COLUMNS = ["lineage", "method", "share", "low", "high", "area", "above_area", "above_area_low", "above_area_high"]
COLUMNS += ["compared_with", "difference", "difference_low", "difference_high", "pairs", "seeds"]
NUMBERS = tuple(column for column in COLUMNS if column not in ("lineage", "method", "compared_with"))
MAPS = ["id", "method", "lineage", "share", "statement", "rows", "columns", "changed", "before", "after"]


def read(paths: Sequence[Path], lineages: Sequence[str]) -> pd.DataFrame:
    """Read what `viper.evaluation.attention` measured: its columns, with lineage and seed.

    Every seed has pairs of its own, held out from its own data sets, so the base too is measured with each.

    Raises:
        ViperError: a file is missing, or of another form; or two lineages of a seed have other pairs, or other
            statements or regions of them.
    """
    files, lineages, parts = by_run(paths), distinct(lineages), []
    for seed in dict.fromkeys(seed for _, seed in files):
        pairs: set[tuple] | None = None
        for lineage in lineages:
            path = files.get((lineage, seed))
            if path is None or not path.is_file():
                told = path or f"{lineage} with seed {seed}"
                raise ViperError(f"{told}: missing: measure this lineage first (snakemake measures it by itself)")
            table = _checked(read_parquet(path, MEASURED), path, "id", "method", values={"method": METHODS})
            table = table.assign(lineage=lineage, seed=seed)
            found = set(zip(*(table[name] for name in ("id", "method", "statement", "area")), strict=True))
            if pairs is not None and found != pairs:
                raise ViperError(f"{path}: has other pairs or statements than {lineages[0]}: measure all lineages anew")
            pairs = found
            parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _checked(table: pd.DataFrame, path: str | Path, *keys: str, values: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """The table of pairs, once every one of its `keys` is there, and every grid has as many fields as it says.

    Raises:
        ViperError: see `keyed`; or a grid has another number of fields, or one is no number.
    """
    numbers = {name: SHARE for name in ("share", "area") if name in table} | {"rows": COUNT, "columns": COUNT}
    keyed(table, path, *keys, numbers=numbers, values=values)
    if not table["statement"].map(lambda cell: isinstance(cell, str)).all():
        raise ViperError(f"{path}: column statement holds what is no text. {REMEDY}")
    for row in table.itertuples():
        for name in ("changed", "before", "after"):
            fields = np.asarray(getattr(row, name))
            numbers = fields.dtype.kind in "bf" and np.isfinite(fields).all()
            if not numbers or fields.shape != (row.rows * row.columns,):
                told = f"{name} is not {row.rows * row.columns} numbers, one for each field"
                raise ViperError(f"{path}: the row id {row.id}, method {row.method}: {told}. {REMEDY}")
    return table


def read_maps(path: str | Path, shares: pd.DataFrame) -> pd.DataFrame:
    """Read the maps that `maps` made.

    Args:
        shares: the table of `tidy`, whose lineages and methods every pair must have.

    Raises:
        ViperError: see `_checked`.
    """
    values = {name: list(dict.fromkeys(shares[name])) for name in ("lineage", "method")}
    return _checked(read_parquet(path, [*MAPS, "picture"]), path, "id", "method", "lineage", values=values)


def read_tidy(path: str | Path) -> pd.DataFrame:
    """Read a table of `tidy` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=COLUMNS, numbers=NUMBERS)
    numbers = dict.fromkeys(NUMBERS, FINITE) | {"share": PERCENT, "area": PERCENT, "pairs": COUNT, "seeds": COUNT}
    blank = {name: table["lineage"].eq(table["lineage"].get(0)) for name in NUMBERS if name.startswith("difference")}
    return keyed(table, path, "lineage", "method", numbers=numbers, blank=blank)


def score(table: pd.DataFrame, lineages: Sequence[str], options: Analysis) -> Scores:
    """Shares in percent by (lineage or AREA, method).

    Pairs are drawn with the same positions for all seeds; since the pairs of different seeds have nothing to do with
    each other, that is as good as drawing them apart.

    Raises:
        ViperError: seeds with different numbers of pairs.
    """
    benchmarks = []
    for method in dict.fromkeys(table["method"]):
        part = table[table["method"] == method].sort_values("id")
        shares = [[_pairs(part, lineage, seed)["share"].to_numpy() for seed in _seeds(part)] for lineage in lineages]
        areas = [_pairs(part, lineages[0], seed)["area"].to_numpy() for seed in _seeds(part)]
        if len({len(area) for area in areas}) > 1:
            raise ViperError(
                f"seeds have different numbers of pairs: {[len(area) for area in areas]}: give all of them "
                "synthesis.vop_held_out"
            )
        values = np.array([*shares, areas])[:, :, None, :]
        benchmarks.append(Benchmark(method, values, np.ones((1, values.shape[-1])), values.shape[-1]))
    return resample(
        benchmarks,
        [*lineages, AREA],
        resamples=options.resamples,
        confidence=options.confidence,
        seed=options.seed,
    )


def _seeds(part: pd.DataFrame) -> list[int]:
    return list(dict.fromkeys(part["seed"]))


def _pairs(part: pd.DataFrame, lineage: str, seed: int) -> pd.DataFrame:
    return part[(part["lineage"] == lineage) & (part["seed"] == seed)]


def tidy(table: pd.DataFrame, scores: Scores, lineages: Sequence[str]) -> pd.DataFrame:
    """One row per lineage and method: share in percent, beside the area of the region and the first lineage's share."""
    rows = []
    for method in dict.fromkeys(table["method"]):
        area = scores.estimate(itemgetter((AREA, method))).value
        for lineage in lineages:
            share = scores.estimate(itemgetter((lineage, method)))
            above = scores.estimate(gain(lineage, AREA, method))
            part = table[(table["lineage"] == lineage) & (table["method"] == method)]
            row = {
                "lineage": lineage,
                "method": method,
                "share": share.value,
                "low": max(share.low, 0.0),
                "high": min(share.high, 100.0),
                "area": area,
                "above_area": above.value,
                "above_area_low": above.low,
                "above_area_high": above.high,
            }
            if lineage != lineages[0]:
                difference = scores.estimate(gain(lineage, lineages[0], method))
                row |= {"compared_with": lineages[0], "difference": difference.value}
                row |= {"difference_low": difference.low, "difference_high": difference.high}
            rows.append(row | {"pairs": part["id"].nunique(), "seeds": part["seed"].nunique()})
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def maps(table: pd.DataFrame, held_out: str | Path, seed: int, count: int) -> pd.DataFrame:
    """The maps of the first `count` pairs of one seed, not of chosen ones, with the edited picture as PNG bytes.

    Args:
        held_out: the data set of that seed's pairs.

    Raises:
        ViperError: the data set lacks a pair that was measured.
    """
    pictures = by_id(read_rows(held_out, ["id", "images"]))
    of_seed = table[table["seed"] == seed]
    shown = sorted(of_seed["id"].unique())[:count]
    part = of_seed[of_seed["id"].isin(shown)].sort_values("id", kind="stable")
    if not shown or (lacking := [name for name in shown if name not in pictures]):
        told = ", ".join(lacking) if shown else f"all that was measured with seed {seed}"
        raise ViperError(f"{held_out}: lacks pairs whose attention was measured: {told}: measure it on this data set")
    return part[MAPS].assign(picture=[pictures[row_id]["images"][1]["bytes"] for row_id in part["id"]])

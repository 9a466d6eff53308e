"""Where the time went: one table from the files that Snakemake's `benchmark:` directives wrote, and from the logs."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from viper.errors import ViperError
from viper.layout import Layout
from viper.reading import read_table
from viper.startup import read_seconds

COLUMNS = {"s": "seconds", "max_rss": "peak_mb", "mean_load": "mean_load_percent"}
START_UP = "start_up_seconds"
ALL = "all jobs"
_UNKNOWN = ("-", "NA", "")  # what Snakemake had no time to measure


def read_measured(path: str | Path) -> dict[str, float]:
    """What a file of Snakemake's `benchmark:` says of the last run of its job: its columns, NaN where it says nothing.

    Raises:
        ViperError: it cannot be read, holds no run, or something else than numbers.
    """
    remedy = "Remove it and run that job again, which measures it anew"
    table = read_table(path, needed=("s",), remedy=remedy)
    if table.empty:
        raise ViperError(f"{path}: holds no measurement. {remedy}")
    last = table.iloc[-1]
    try:
        return {
            column: float("nan") if last[column] in _UNKNOWN else float(last[column])
            for column in ("s", "max_rss", "mean_load")
            if column in table
        }
    except ValueError as error:
        raise ViperError(f"{path}: holds what is no number: {error}. {remedy}") from error


def collect(layout: Layout, measured: Iterable[str], root: Path = Path()) -> pd.DataFrame:
    """What the jobs of a run took.

    Args:
        measured: the files in which Snakemake noted it; a job without one, which was not run here, has no row.

    Returns:
        step (the file's path below those of its scale, without suffix), seconds, of these the start-up, peak_mb and
        mean_load_percent; the last row adds them up. A log says how long the process took before its work began; a job
        whose log does not say so counts as nothing but start-up. Very short jobs have no memory or load figures:
        Snakemake had no time to sample them. They are left empty.

    Raises:
        ViperError: see `read_measured`.
    """
    rows = []
    for path in sorted(path for path in set(measured) if (root / path).is_file()):
        step = layout.place_of_timing(path)
        took = read_measured(root / path)
        row = {"step": step} | {new: took.get(old) for old, new in COLUMNS.items()}
        log = root / layout.log(step)
        start_up = read_seconds(log.read_text(errors="replace", encoding="utf-8")) if log.is_file() else None
        rows.append(row | {START_UP: row["seconds"] if start_up is None else start_up})
    table = pd.DataFrame(rows, columns=["step", "seconds", START_UP, *list(COLUMNS.values())[1:]])
    total = {"step": ALL, "peak_mb": table["peak_mb"].max()} | table[["seconds", START_UP]].sum().to_dict()
    return pd.concat([table, pd.DataFrame([total])], ignore_index=True)

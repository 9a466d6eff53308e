"""Where the time went: one table from the files that Snakemake's `benchmark:` directives wrote."""

from pathlib import Path

import pandas as pd

COLUMNS = {"s": "seconds", "max_rss": "peak_mb", "mean_load": "mean_load_percent"}


def collect(folder: str | Path) -> pd.DataFrame:
    """Return step (a benchmark file's path below `folder`, without suffix), seconds, peak_mb and mean_load_percent.

    Very short jobs have no memory or load figures: Snakemake had no time to sample them. They are left empty.
    """
    rows = []
    for path in sorted(Path(folder).rglob("*.tsv")):
        measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        step = path.relative_to(folder).with_suffix("").as_posix()
        rows.append({"step": step} | {new: measured.get(old) for old, new in COLUMNS.items()})
    return pd.DataFrame(rows, columns=["step", *COLUMNS.values()])

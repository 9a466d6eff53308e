"""What the command `audit-synthesis` wrote, as questions read it: how much of each step of a synthesis is right."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from viper.analysis.keyed import COUNT, SHARE, keyed
from viper.reading import read_table

COLUMNS = ["lineage", "seed", "step", "measure", "share", "n"]


def read_audit(path: str | Path, asked: Collection[tuple[str, str]], seeds: Collection[int]) -> pd.DataFrame:
    """Read an audit of syntheses, with these columns among others: COLUMNS, shares of 0 to 1.

    Args:
        asked: step and measure of the shares that are needed: what the audit has any of, it has of every lineage.
        seeds: of the syntheses.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = {"share": SHARE, "n": COUNT}
    table = read_table(path, needed=COLUMNS, numbers=["seed", *numbers])
    keyed(table, path, COLUMNS[:4], numbers=numbers, values={"seed": seeds})
    shares = pd.MultiIndex.from_frame(table[["step", "measure"]])
    values = {"lineage": table["lineage"].unique(), "seed": seeds}
    keyed(table[shares.isin(list(asked))], path, "lineage", "seed", ("step", "measure"), values=values)
    return table

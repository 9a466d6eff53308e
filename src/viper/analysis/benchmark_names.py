"""A drawn benchmark under its own name, with the official one that it imitates beside it, and no published score near.

Inside the analysis a benchmark has the paper's name, whichever is run in its place; tables and
figures say which it is.
"""

from collections.abc import Mapping

import pandas as pd

from viper.analysis.published import PROMPTS


def own_names(table: pd.DataFrame, drawn: Mapping[str, str]) -> pd.DataFrame:
    """A tidy table (`viper.analysis.tables`) with the names of the drawn benchmarks.

    Published scores are of the official benchmarks: beside drawn ones they are left out.

    Args:
        drawn: the paper's name → name of the one that is drawn; empty where the official ones are run.
    """
    named = table.assign(imitates=table["column"].where(table["column"].isin(drawn), ""))
    named["column"] = named["column"].map(lambda column: drawn.get(column, column))
    if drawn:
        published = [column for column in named if column.startswith("published_")]
        named[published] = float("nan")
    return named


def headings(table: pd.DataFrame) -> dict[str, str]:
    """Column → how a table or a figure writes it: 'MicroStar (as MMStar)'; an official benchmark as it is."""
    pairs = table[["column", "imitates"]].drop_duplicates()
    return {column: heading(column, imitates) for column, imitates in pairs.itertuples(index=False)}


def heading(column: str, imitates: str) -> str:
    """The same for one of them."""
    return f"{column} (as {imitates})" if imitates else column


def has_published(table: pd.DataFrame) -> bool:
    """Whether a tidy table has a published score of any of its columns."""
    return bool(table[[column for column in table if column.startswith("published_")]].notna().any(axis=None))


def about_published(table: pd.DataFrame, otherwise: str) -> str:
    """`otherwise` where published scores are shown, and under which prompts each was taken; else why there are none."""
    if has_published(table):
        return f"{otherwise} {PROMPTS}"
    return "Drawn benchmarks, each named with the official one that it imitates: the paper's figures are not of these."

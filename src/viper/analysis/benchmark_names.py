"""A drawn benchmark under its own name, with the official one that it imitates beside it, and no published score near.

Inside the analysis a benchmark has the paper's name, whichever is run in its place; tables and
figures say which it is.
"""

import re
from collections.abc import Mapping

import pandas as pd

from viper.analysis.published import PROMPTS
from viper.config.evaluation import Evaluation


def drawn_names(evaluation: Evaluation) -> Mapping[str, str]:
    """The paper's name → name of the one that is drawn in its place; empty where the official ones are run."""
    return evaluation.benchmarks if evaluation.source == "world" else {}


def own_names(table: pd.DataFrame, drawn: Mapping[str, str]) -> pd.DataFrame:
    """A tidy table (`viper.analysis.tables`) with the names of the drawn benchmarks.

    Published scores are of the official benchmarks: beside drawn ones they are left out.

    Args:
        drawn: see `drawn_names`.
    """
    named = table.assign(imitates=table["column"].where(table["column"].isin(drawn), ""))
    named["column"] = named["column"].map(lambda column: drawn.get(column, column))
    if drawn:
        published = [column for column in named if column.startswith("published_")]
        named[published] = float("nan")
    return named


def own_names_in_claims(judged: pd.DataFrame, drawn: Mapping[str, str]) -> pd.DataFrame:
    """A table of claims (`viper.analysis.verdicts.judge_all`) with the names of the drawn benchmarks.

    A claim's text says which official one each imitates; its parts have the own name alone.

    Args:
        drawn: see `drawn_names`.
    """
    if not drawn:
        return judged
    name = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, drawn))})(?![\w-])")

    def named(text: str, *, imitates: bool) -> str:
        return name.sub(lambda found: heading(drawn[found[1]], found[1] if imitates else ""), text)

    columns = {"text": True, "decided_by": False, "parts": False}
    written = {
        column: judged[column].map(lambda text, imitates=imitates: named(text, imitates=imitates), na_action="ignore")
        for column, imitates in columns.items()
    }
    return judged.assign(**written)


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

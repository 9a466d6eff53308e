"""An ablation as grouped bars: the sub-domains of MMStar, a bar per lineage."""

import numpy as np
import pandas as pd

from viper.analysis.benchmark_names import about_published, headings
from viper.analysis.figures import style
from viper.plotting import Figure, plt


def draw(table: pd.DataFrame, published_model: str) -> Figure:
    """Scores per sub-domain from a table of sub-domains, with intervals; open markers are published figures."""
    columns = list(dict.fromkeys(table["column"]))
    lineages = list(dict.fromkeys(table["lineage"]))
    looks = style.looks(lineages)
    thick = 0.8 / len(lineages)
    rows = np.arange(len(columns))[::-1]
    figure, axes = plt.subplots(figsize=(3.4, 0.7 + 0.11 * len(columns) * (len(lineages) + 1)))
    for number, lineage in enumerate(lineages):
        part = table[table["lineage"] == lineage].set_index("column").loc[columns]
        look, places = looks[lineage], rows + (len(lineages) / 2 - number - 0.5) * thick
        bars = style.bars(part, "score", "low", "high")
        errors = {"elinewidth": 0.7, "ecolor": "0.25"}
        axes.barh(places, part["score"], 0.92 * thick, xerr=bars, color=look.color, label=look.label, error_kw=errors)
        axes.scatter(part[f"published_{published_model}"], places, marker="o", s=9, **style.PUBLISHED)
    if table[f"published_{published_model}"].notna().any():
        axes.scatter([], [], marker="o", s=9, label=f"published {published_model}", **style.PUBLISHED)
    axes.axhline(0.5, color="0.6", linewidth=0.5)
    named = headings(table)
    axes.set_yticks(rows, [named[column].replace(" ", "\n", 1) for column in columns])
    axes.set_ylim(-0.5, len(columns) - 0.5)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("right answers (%)")
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handlelength=1.2)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    return (
        f"Share of right answers in each sub-domain of {list(headings(table).values())[-1]}, and their mean. "
        f"{style.intervals(table, confidence)} "
        + about_published(
            table, "Open markers are the paper's figures on the official benchmark, where they are known."
        )
        + "\n"
    )

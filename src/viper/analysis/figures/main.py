"""The main table as a picture: scores per benchmark, and differences like for like."""

import numpy as np
import pandas as pd

from viper.analysis.benchmark_names import about_published, has_published, headings
from viper.analysis.figures import style
from viper.lineage import split_control
from viper.plotting import Figure, plt


def draw(table: pd.DataFrame, published_model: str) -> Figure:
    """Scores of each lineage (left) and its difference to another (right), per benchmark, from main.csv.

    Bars are the intervals of the table; open markers are the published figures of `published_model`.
    """
    columns = list(dict.fromkeys(table["column"]))
    lineages = list(dict.fromkeys(table["lineage"]))
    looks = style.looks(lineages)
    rows = np.arange(len(columns))[::-1]
    offsets = np.linspace(0.24, -0.24, len(lineages)) if len(lineages) > 1 else [0.0]
    figure, (left, right) = plt.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    parts = {lineage: table[table["lineage"] == lineage].set_index("column").loc[columns] for lineage in lineages}
    known_of = {lineage: part[f"published_{published_model}"] for lineage, part in parts.items()}
    for (lineage, part), offset in zip(parts.items(), offsets, strict=True):
        look, known = looks[lineage], known_of[lineage]
        drawn = {"color": look.color, "marker": look.marker, "linestyle": "none", "elinewidth": 0.8}
        bars = style.bars(part, "score", "low", "high")
        left.errorbar(part["score"], rows + offset, xerr=bars, label=look.full(lineage), **drawn)
        if part["difference"].notna().any():
            bars = style.bars(part, "difference", "difference_low", "difference_high")
            right.errorbar(part["difference"], rows + offset, xerr=bars, **drawn)
        if known.notna().any():
            left.scatter(known, rows + offset, marker=look.marker, s=11, **style.PUBLISHED)
            other = part["compared_with"].iloc[0] if lineage != lineages[0] else lineage
            if split_control(other)[0] != split_control(lineage)[0]:  # another model, not another way of asking
                gain = known - known_of[other]
                right.scatter(gain, rows + offset, marker=look.marker, s=11, **style.PUBLISHED)
    if has_published(table):
        left.scatter([], [], s=11, label=f"published {published_model}", **style.PUBLISHED)
    for axes in (left, right):
        axes.axhline(0.5, color="0.6", linewidth=0.5)  # sets the mean apart from what it is the mean of
    named = headings(table)
    left.set_yticks(rows, [named[column].replace(" (", "\n(") for column in columns])
    left.set_ylim(-0.6, len(columns) - 0.4)
    left.set_xlabel("right answers (%)")
    right.axvline(0, color="0.3", linewidth=0.6)
    right.set_xlabel(f"difference to {looks[lineages[0]].label},\nlike for like (points)")
    right.tick_params(left=False)
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    return (
        "Left: share of right answers per benchmark and overall. Right: difference to the base on the same items; of "
        "what is made to look closely, to the base made to look likewise, and of that, to the base by itself. "
        f"{style.intervals(table, confidence)} "
        + about_published(table, "Open markers are the paper's figures on the official benchmarks.")
        + "\n"
    )

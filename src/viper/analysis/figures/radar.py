"""An ablation as a radar of the sub-domains of MMStar."""

import numpy as np
import pandas as pd

from viper.analysis.benchmark_names import about_published, headings
from viper.analysis.figures import style
from viper.analysis.published import SUBDOMAINS
from viper.errors import ViperError
from viper.plotting import Figure, plt


def draw(table: pd.DataFrame, published_model: str) -> Figure:
    """One axis a sub-domain, one closed line per lineage with its interval as a band; open markers are published.

    Raises:
        ViperError: the table has no three sub-domains.
    """
    columns = [column for column in SUBDOMAINS if column in set(table["column"])]
    if len(columns) < 3:
        raise ViperError(
            f"a radar shows three sub-domains of MMStar at least, the table has {', '.join(columns) or 'none'}: name a "
            "table that the command `tables` wrote as --subdomains"
        )
    lineages = list(dict.fromkeys(table["lineage"]))
    angles = np.linspace(0, 2 * np.pi, len(columns), endpoint=False)
    around = np.append(angles, 0.0)
    figure, axes = plt.subplots(figsize=(3.4, 3.3), subplot_kw={"projection": "polar"})
    for lineage, look in style.looks(lineages).items():
        part = table[table["lineage"] == lineage].set_index("column").loc[columns]
        closed = pd.concat([part, part.iloc[:1]])
        axes.plot(around, closed["score"], color=look.color, marker=look.marker, label=look.label)
        axes.fill_between(around, closed["low"], closed["high"], color=look.color, alpha=0.15, linewidth=0)
        known = part[f"published_{published_model}"]
        if known.notna().any():
            label = f"published {published_model}, {look.label}"
            axes.scatter(angles, known, marker=look.marker, s=14, label=label, **style.PUBLISHED)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, [column.replace(" ", "\n", 1) for column in columns])
    axes.tick_params(axis="x", pad=7)
    axes.set_rlabel_position(180 / len(columns))  # between two axes
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(plt.MaxNLocator(4))
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.spines["polar"].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    sentence = style.intervals(table, confidence).replace("Bars", "Bands")
    return (
        f"Share of right answers in each sub-domain of {list(headings(table).values())[-1]}. {sentence} "
        + about_published(
            table, "Open markers are the paper's figures on the official benchmark, where they are known."
        )
        + "\n"
    )

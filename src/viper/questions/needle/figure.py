"""Attention on the decisive object, by lineage: where the picture decides, where the text does, and chance."""

import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.needle.measure import ASKED, TOLD
from viper.questions.needle.table import AREA, METHODS

_SHOWN = {ASKED: ("o", "#0072B2", "only the picture decides"), TOLD: ("s", "#E69F00", "the text decides")}


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each way of reading attention: share on the object in percent, with intervals; dotted: its area."""
    lineages = [name for name in dict.fromkeys(table["lineage"]) if name != AREA]
    figure, panels = plt.subplots(1, len(METHODS), figsize=(6.4, 1.2 + 0.3 * len(lineages)), sharey=True)
    for axes, method in zip(panels, METHODS, strict=True):
        part = table[table["method"] == method].set_index(["lineage", "quantity"])
        for offset, (question, (marker, color, label)) in zip((-0.12, 0.12), _SHOWN.items(), strict=True):
            rows = part.loc[[(lineage, question) for lineage in lineages]]
            heights = [place + offset for place in range(len(lineages))]
            bars = style.bars(rows, "value", "low", "high")
            axes.errorbar(rows["value"], heights, xerr=bars, fmt=marker, color=color, label=label, markersize=4)
        axes.axvline(part.loc[(AREA, ASKED), "value"], color="0.4", linestyle=":", label="its share of the area")
        axes.set_yticks(range(len(lineages)), lineages)
        axes.set_ylim(len(lineages) - 0.5, -0.5)
        axes.set_title(method)
    figure.supxlabel("attention on the decisive object (% of that on the picture)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The caption in reStructuredText."""
    return (
        f"Attention on the one small object that decides the answer, of {int(table['pictures'].max())} pictures: asked "
        "for its color, and told it beforehand, while every lineage is made to say the same statement. "
        f"{style.intervals(table, confidence)} Each is for one point by itself.\n"
    )

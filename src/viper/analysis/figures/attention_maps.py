"""Attention laid over the edited picture, before and after each stage, and the shares inside the changed region."""

import re

import numpy as np
import pandas as pd

from viper.analysis.figures import style
from viper.analysis.phrases import seeds_phrase
from viper.pictures import read_picture
from viper.plotting import Figure, plt

_WIDTH, _CELL = 3.4, 0.72  # inches


def draw(maps: pd.DataFrame, shares: pd.DataFrame) -> Figure:
    """Above, a row a pair and method: the edited picture, then each lineage's attention on it; below, the shares.

    Args:
        maps: `viper.analysis.attention_table.maps`.
        shares: `viper.analysis.attention_table.tidy`.
    """
    lineages, methods = list(dict.fromkeys(shares["lineage"])), list(dict.fromkeys(shares["method"]))
    looks = style.looks(lineages)
    lines = list(maps.groupby(["method", "id"], sort=False))
    lines.sort(key=lambda line: methods.index(line[0][0]))
    figure = plt.figure(figsize=(_WIDTH, _CELL * len(lines) + 1.6))
    above, below = figure.subfigures(2, 1, height_ratios=[_CELL * len(lines) + 0.15, 1.45])
    grid = above.subplots(len(lines), 1 + len(lineages), squeeze=False)
    for axes, ((method, _), part) in zip(grid, lines, strict=True):
        by_lineage = part.set_index("lineage")
        picture = np.asarray(read_picture(part["picture"].iloc[0]))
        axes[0].imshow(picture, interpolation="nearest", extent=(0, 1, 0, 1))
        axes[0].set_ylabel(method)
        top = max(np.max(by_lineage.loc[lineage, "after"]) for lineage in lineages)
        for panel, lineage in zip(axes[1:], lineages, strict=True):
            _overlay(panel, picture, by_lineage.loc[lineage], top)
        for panel in axes:
            _outline(panel, by_lineage.loc[lineages[0]])
            panel.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
            panel.spines[:].set_visible(False)
    for panel, title in zip(grid[0], ["edited picture", *(looks[lineage].label for lineage in lineages)], strict=True):
        panel.set_title(title)
    _shares(below.subplots(), shares, lineages, methods)
    return figure


def _overlay(panel: plt.Axes, picture: np.ndarray, row: pd.Series, top: float) -> None:
    gray = picture.mean(axis=-1)
    weights = np.reshape(row["after"], (row["rows"], row["columns"]))
    panel.imshow(gray, cmap="gray", interpolation="nearest", extent=(0, 1, 0, 1))
    panel.imshow(weights, cmap="viridis", vmin=0, vmax=top, alpha=0.6, interpolation="nearest", extent=(0, 1, 0, 1))
    label = {"fontsize": 5.5, "color": "white", "ha": "right", "va": "bottom"}
    box = {"facecolor": "black", "alpha": 0.6, "pad": 0.8, "linewidth": 0}
    panel.text(0.98, 0.03, f"{100 * row['share']:.0f} %", bbox=box, **label)


def _outline(panel: plt.Axes, row: pd.Series) -> None:
    """The border of the changed region: between fields that changed and fields that did not."""
    rows, columns = int(row["rows"]), int(row["columns"])
    changed = np.pad(np.reshape(row["changed"], (rows, columns)), 1)
    line = {"color": "#D55E00", "linewidth": 1.2, "solid_capstyle": "butt", "clip_on": False, "zorder": 3}
    for i, j in zip(*np.nonzero(changed[:, 1:] != changed[:, :-1]), strict=True):
        panel.plot([j / columns] * 2, [1 - (i - 1) / rows, 1 - i / rows], **line)
    for i, j in zip(*np.nonzero(changed[1:] != changed[:-1]), strict=True):
        panel.plot([(j - 1) / columns, j / columns], [1 - i / rows] * 2, **line)


def _shares(axes: plt.Axes, shares: pd.DataFrame, lineages: list[str], methods: list[str]) -> None:
    rows = np.arange(len(methods))[::-1]
    offsets = np.linspace(0.24, -0.24, len(lineages)) if len(lineages) > 1 else [0.0]
    for (lineage, look), offset in zip(style.looks(lineages).items(), offsets, strict=True):
        part = shares[shares["lineage"] == lineage].set_index("method").loc[methods]
        bars = style.bars(part, "share", "low", "high")
        drawn = {"color": look.color, "marker": look.marker, "linestyle": "none", "elinewidth": 0.8}
        axes.errorbar(part["share"], rows + offset, xerr=bars, label=look.label, **drawn)
    axes.axvline(shares["area"].mean(), color="#D55E00", linewidth=0.8, linestyle="--", label="area of the region")
    axes.set_yticks(rows, methods)
    axes.set_ylim(-0.5, len(methods) - 0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("attention inside the changed region (%)")
    axes.figure.legend(loc="outside upper center", ncols=4, columnspacing=0.8, handletextpad=0.3, handlelength=1.4)


def caption(maps: pd.DataFrame, shares: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report, with what is stated of the pairs it shows."""
    stated = maps.drop_duplicates("id")["statement"]
    literal = [re.sub(r"([\\*_`|])", r"\\\1", text) for text in stated]  # marks mean nothing
    quoted = "; ".join(f'"{text}"' for text in literal)
    n_seeds, pairs = int(shares["seeds"].max()), int(shares["pairs"].max())
    return (
        "Where each model looks while it is made to say what was changed, the same words for all, on the same pairs of "
        f"pictures, which nobody trained on; the first pairs, not chosen ones, of which is said, in order: {quoted}. "
        "Outlined: the changed region, where the two pictures differ. Colors: attention from these words to the fields "
        "of the edited picture, one scale a row; numbers: share of the attention on both pictures inside the region. "
        "Below: that share over "
        f"{pairs} pairs, with {confidence:.0%} intervals over pairs{seeds_phrase(n_seeds)}; evenly spread attention "
        "would lie on the dashed line.\n"
    )

"""Figures, each drawn from a tidy table alone, in the style of viper.mplstyle, to the same bytes every time."""

from importlib.resources import as_file, files
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # no window, on any machine

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from viper.errors import ViperError
from viper.files import atomic_write

METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}
MARKERS = "osD^vP*"


def main_figure(table: pd.DataFrame, published_model: str = "3B") -> Figure:
    """Scores of each lineage (left) and differences to the base (right), per benchmark, from main.csv.

    Bars are the intervals of the table; open markers are the published figures of `published_model`.
    """
    columns = list(dict.fromkeys(table["column"]))
    lineages = list(dict.fromkeys(table["lineage"]))
    rows = np.arange(len(columns))[::-1]
    offsets = np.linspace(0.24, -0.24, len(lineages)) if len(lineages) > 1 else [0.0]
    figure, (left, right) = plt.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    for i, (lineage, offset) in enumerate(zip(lineages, offsets, strict=True)):
        part = table[table["lineage"] == lineage].set_index("column").loc[columns]
        style = {"color": f"C{i}", "marker": MARKERS[i % len(MARKERS)], "linestyle": "none", "elinewidth": 0.8}
        left.errorbar(part["score"], rows + offset, xerr=_bars(part, "score", "low", "high"), label=lineage, **style)
        has_difference = part["difference"].notna()
        if has_difference.any():
            bars = _bars(part, "difference", "difference_low", "difference_high")
            right.errorbar(part["difference"], rows + offset, xerr=bars, **style)
        known = part[f"published_{published_model}"]
        if known.notna().any():
            open_style = {"facecolors": "none", "edgecolors": "0.2", "marker": style["marker"], "s": 11, "zorder": 3}
            left.scatter(known, rows + offset, linewidths=0.7, **open_style)
            if lineage != "base":
                base = table[table["lineage"] == "base"].set_index("column").loc[columns]
                right.scatter(known - base[known.name], rows + offset, linewidths=0.7, **open_style)
    left.scatter(
        [], [], s=11, facecolors="none", edgecolors="0.2", linewidths=0.7, label=f"published {published_model}"
    )
    for axes in (left, right):
        axes.axhline(0.5, color="0.6", linewidth=0.5)  # sets the mean apart from what it is the mean of
    left.set_yticks(rows, columns)
    left.set_ylim(-0.6, len(columns) - 0.4)
    left.set_xlabel("right answers (%)")
    right.axvline(0, color="0.3", linewidth=0.6)
    right.set_xlabel("difference (points)")
    right.tick_params(left=False)
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2)
    return figure


def _bars(part: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Lengths of error bars, (2, rows); a percentile interval need not hold the value, hence the floor at zero."""
    return np.stack([part[value] - part[low], part[high] - part[value]]).clip(min=0)


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    n_seeds = int(table["seeds"].iloc[0])
    return (
        f"Left: share of right answers per benchmark and overall. Right: difference to the base on the same items. "
        f"Bars are {confidence:.0%} intervals by paired bootstrap over items"
        f"{f' and {n_seeds} run seeds' if n_seeds > 1 else ' (one run seed)'}. "
        f"Open markers are the paper's figures on the official benchmarks.\n"
    )


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of its suffix, without time stamps, so that equal figures are equal files.

    Raises:
        ViperError: another suffix than .png, .svg or .pdf.
    """
    suffix = Path(path).suffix
    if suffix not in METADATA:
        raise ViperError(f"{path}: figures are written as {', '.join(METADATA)}: choose one of these suffixes")
    with atomic_write(path) as partial:
        figure.savefig(partial, metadata=METADATA[suffix])


def use_style() -> None:
    """Draw in the project's style from here on."""
    with as_file(files("viper.analysis").joinpath("viper.mplstyle")) as path:
        plt.style.use(path)

"""Ratios to the plain way of doing things, from the tables of `viper.bench.alternate`."""

import numpy as np
import pandas as pd

from viper.plotting import Figure, plt

CAPTION = (
    "How many times as fast each step is as the plain way of doing it (stock TRL, one image, one sentence or one "
    "question at a time). Both are timed in turns within one run; bars go from the least to the greatest ratio of the "
    "rounds. Vertical marks: what was aimed for.\n"
)


def draw(table: pd.DataFrame) -> Figure:
    """One row a comparison, its ratio on a logarithmic axis, with the spread over rounds and the target."""
    rows = np.arange(len(table))[::-1]
    figure, axes = plt.subplots(figsize=(3.4, 0.5 + 0.28 * len(table)))
    spread = np.stack([table["ratio"] - table["low"], table["high"] - table["ratio"]])
    axes.errorbar(table["ratio"], rows, xerr=spread, marker="o", linestyle="none", color="C0", elinewidth=0.8)
    axes.plot(table["target"], rows, marker="|", markersize=9, linestyle="none", color="C1", label="aimed for")
    axes.axvline(1, color="0.3", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.set_yticks(rows, table["what"] + "\n" + table["shape"] + " shape")
    axes.set_ylim(-0.6, len(table) - 0.4)
    axes.set_xlabel("times as fast as the plain way")
    figure.legend(loc="outside upper right")
    return figure

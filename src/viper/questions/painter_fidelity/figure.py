"""What the loop gained against how faithful its painter and editor were: a point a pair, and the fitted line."""

import pandas as pd

from viper.analysis.figures import style
from viper.analysis.phrases import seeds_phrase
from viper.lineage import variant_of
from viper.plotting import Figure, plt
from viper.questions.judging import signed
from viper.questions.painter_fidelity.table import PER, SHARES

_LINE, _MARK = "#0072B2", "#D55E00"
_PARTS = {  # column → how it is drawn and called
    "painter": ("s", "#56B4E9", "facts painted"),
    "editor": ("D", "#E69F00", "edits done"),
    "csr_labels": ("^", "#009E73", "CSR labels true"),
    "vop_labels": ("v", "#CC79A7", "VOP labels true"),
}
assert set(_PARTS) == set(SHARES)


def draw(summary: pd.DataFrame, points: pd.DataFrame, line: pd.DataFrame) -> Figure:
    """On the left gain over fidelity, with intervals of both, each seed's own, and the line with its band; on the right
    what the fidelity consists of and what it does to the labels, pair by pair."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=(3, 2))
    left.fill_between(line["fidelity"], line["low"], line["high"], color=_LINE, alpha=0.15, linewidth=0)
    left.plot(line["fidelity"], line["gain"], color=_LINE, linewidth=1)
    left.scatter(points["fidelity"], points["gain"], s=6, color="0.6", linewidths=0, zorder=2)
    left.errorbar(
        summary["fidelity"],
        summary["gain"],
        xerr=style.bars(summary, "fidelity", "fidelity_low", "fidelity_high"),
        yerr=style.bars(summary, "gain", "gain_low", "gain_high"),
        fmt="o",
        color=_MARK,
        ecolor="0.4",
        elinewidth=0.7,
        markersize=4,
        zorder=3,
    )
    ordered = summary.sort_values("fidelity", ignore_index=True)
    for number, row in enumerate(ordered.itertuples()):
        above = number % 2 == 0
        left.annotate(
            _name(row.lineage),
            (row.fidelity, row.gain_high if above else row.gain_low),
            (0, 3 if above else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=6,
        )
    left.margins(x=0.1, y=0.12)
    left.axhline(0, color="0.6", linewidth=0.5)
    left.set_xlabel("fidelity of painter and editor (%)")
    left.set_ylabel("gain over the base (points)")
    places = range(len(ordered))
    for column, (marker, color, label) in _PARTS.items():
        right.plot(ordered[column], places, marker, color=color, label=label, markersize=4)
    right.set_yticks(places, [_name(lineage) for lineage in ordered["lineage"]])
    right.set_ylim(-0.5, len(ordered) - 0.5)
    right.set_xlim(0, 102)
    right.set_xlabel("right by the audit (%)")
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def caption(summary: pd.DataFrame, line: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    first, seeds = line.iloc[0], int(summary["seeds"].max())
    slope, low, high = (signed(PER * first[name], 2) for name in ("slope", "slope_low", "slope_high"))
    return (
        "What the loop gained over its base, in points of the mean over the benchmarks, against how faithful its "
        "painter and editor were: the mean of the facts that paintings show and of the edits that were done, by the "
        f"audit against the truth. Line: least squares, {slope} points of gain per {PER} points of fidelity "
        f"[{low}, {high}]; errors of fidelity flatten it to {first['reliability']:.4f} of what it would be. Small "
        "points are single seeds. Right: what the fidelity consists of, and how true the labels are that come of it. "
        f"Bars are {confidence:.0%} intervals over items{seeds_phrase(seeds)}, of fidelity over the audit's facts; the "
        "band is that of the line, over how the pairs scatter about it, items and facts.\n"
    )


def _name(lineage: str) -> str:
    return variant_of(lineage) or lineage

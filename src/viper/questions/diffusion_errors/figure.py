"""Whose mistake the sentences are, as stacked bars; and the painter's habits in what is asked for, by seed."""

import numpy as np
import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.diffusion_errors.ask import AFTER, BEFORE
from viper.questions.diffusion_errors.table import ANY, LABELS, PAINTER, REWARDED, RIGHT

COLORS = {
    PAINTER: "#D55E00",  # first: its interval is read from zero
    RIGHT: "#009E73",
    "the caption's mistake, told wrong": "#56B4E9",
    "nobody's mistake": "#CC79A7",
    "not readable": "#999999",
}
_SORTS = {LABELS: "labels", f"{REWARDED} {BEFORE}": "rewarded, before", f"{REWARDED} {AFTER}": "rewarded, after"}


def draw(shares: pd.DataFrame, sycophancy: pd.DataFrame, confidence: float) -> Figure:
    """Two panels, from the tables of `viper.questions.diffusion_errors.table`."""
    lineages = list(dict.fromkeys(shares["lineage"]))
    rows = len(lineages) * len(_SORTS)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.0, 1.1 + 0.22 * rows), sharey=False, gridspec_kw={"width_ratios": [3, 2]}
    )
    _draw_shares(left, shares, lineages)
    _draw_excess(right, sycophancy, lineages, confidence)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=3, columnspacing=1.2, handlelength=1.2)
    return figure


def _draw_shares(axes: plt.Axes, shares: pd.DataFrame, lineages: list[str]) -> None:
    whole = shares[shares["type"] == ANY].set_index(["lineage", "sentences", "blame"])
    places = [number * (len(_SORTS) + 1) + each for number in range(len(lineages)) for each in range(len(_SORTS))]
    keys = [(lineage, sort) for lineage in lineages for sort in _SORTS]
    left = np.zeros(len(keys))
    for blame, color in COLORS.items():
        found = [whole["share"].get((*key, blame), np.nan) for key in keys]
        widths = 100 * np.nan_to_num(np.array(found, float))
        if not widths.any():
            continue
        bars = {}
        if blame == PAINTER:
            known = whole.reindex([(*key, blame) for key in keys])
            ends = 100 * style.bars(known.fillna(0), "share", "low", "high")
            bars = {"xerr": ends, "error_kw": {"elinewidth": 0.7, "ecolor": "0.15"}}
        axes.barh(places, widths, 0.85, left=left, color=color, label=blame, **bars)
        left += widths
    of = whole["of"].groupby(level=[0, 1]).first()
    numbers = [int(of[key]) for key in keys]
    for place, number in zip(places, numbers, strict=True):
        axes.annotate(f"{number:,}", (101, place), va="center", fontsize=5.5, annotation_clip=False)
    axes.set_yticks(
        places, [f"{lineage}: {_SORTS[sort]}" if sort == LABELS else _SORTS[sort] for lineage, sort in keys]
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of sentences (%); number at the right")
    axes.grid(visible=False, axis="y")


def _draw_excess(axes: plt.Axes, sycophancy: pd.DataFrame, lineages: list[str], confidence: float) -> None:
    from scipy.stats import norm

    reach = norm.ppf((1 + confidence) / 2)
    seeds = list(dict.fromkeys(sycophancy["seed"]))
    looks = style.looks(lineages)
    for number, lineage in enumerate(lineages):
        part = sycophancy[sycophancy["lineage"] == lineage]
        for when, marker, filled in ((BEFORE, "o", False), (AFTER, "s", True)):
            own = part[part["asked"] == when]
            shift = np.linspace(-0.22, 0.22, 2 * len(seeds))[[2 * seeds.index(each) + filled for each in own["seed"]]]
            axes.errorbar(
                own["excess"],
                number + shift,
                xerr=reach * own["error"],
                fmt=marker,
                color=looks[lineage].color,
                markerfacecolor=looks[lineage].color if filled else "white",
                elinewidth=0.6,
            )
    axes.errorbar([], [], fmt="o", color="0.3", markerfacecolor="white", label="before training")
    axes.errorbar([], [], fmt="s", color="0.3", label="after")
    axes.axvline(0, color="0.4", linewidth=0.7)
    axes.set_yticks(range(len(lineages)), lineages)
    axes.set_ylim(len(lineages) - 0.5, -0.5)
    axes.set_xlabel("habits over chance (points)")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)


def caption(sycophancy: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    seeds = sycophancy["seed"].nunique()
    return (
        "Left: whose mistake the refinements are that each lineage is trained on, and the sentences that the reward "
        "pays for when it is asked about the same pairs before and after training, all seeds together; the bar at the "
        f"painter's share is its {confidence:.0%} Wilson interval. Right: asked about right captions of drawn pictures "
        "of which nothing was painted, how much oftener than by permuted pairs a model names the kind that the painter "
        f"confuses with the one that is there; a point per seed ({seeds}), with {confidence:.0%} intervals over "
        "captions.\n"
    )

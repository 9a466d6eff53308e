"""What training changes of each skill, and each skill's psychometric curve."""

import numpy as np
import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.skills.table import curve

_COLUMNS = 4  # of panels with curves
_POINTS = 60  # of a drawn curve
_CREDIT = "an answer that names no option counts as a guess, that is, as chance"


def draw_changes(table: pd.DataFrame) -> Figure:
    """Forest plot: a row for each skill, a point with its interval for each trained lineage."""
    skills, lineages = list(dict.fromkeys(table["skill"])), list(dict.fromkeys(table["lineage"]))
    looks = style.looks([table["compared_with"].iloc[0], *lineages])
    figure, axes = plt.subplots(figsize=(5.4, 0.9 + 0.11 * len(skills) * (len(lineages) + 1)))
    for number, lineage in enumerate(lineages):
        part = table[table["lineage"] == lineage].set_index("skill").loc[skills].reset_index()
        heights = np.arange(len(skills)) + 0.8 * (number + 0.5) / len(lineages) - 0.4
        axes.errorbar(
            part["change"],
            heights,
            xerr=style.bars(part, "change", "low", "high"),
            fmt=looks[lineage].marker,
            color=looks[lineage].color,
            label=looks[lineage].label,
            elinewidth=0.8,
            markersize=3.5,
        )
    for border in range(1, len(skills)):
        axes.axhline(border - 0.5, color="0.9", linewidth=0.5)
    axes.axvline(0, color="0.4", linewidth=0.6)
    axes.set_yticks(range(len(skills)), skills)
    axes.set_ylim(len(skills) - 0.5, -0.5)
    axes.set_xlabel("change of accuracy, mean over contrasts (points)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def draw_curves(table: pd.DataFrame) -> Figure:
    """A panel for each skill: accuracy over contrast, measured and fitted, for every lineage; dotted: chance."""
    skills, lineages = list(dict.fromkeys(table["skill"])), list(dict.fromkeys(table["lineage"]))
    looks = style.looks(lineages)
    n_rows = -(-len(skills) // _COLUMNS)
    figure, panels = plt.subplots(
        n_rows, _COLUMNS, figsize=(6.8, 0.8 + 1.5 * n_rows), sharex=True, sharey=True, squeeze=False
    )
    for axes, skill in zip(panels.flat, skills, strict=False):
        for lineage in lineages:
            part = table[(table["skill"] == skill) & (table["lineage"] == lineage)]
            _draw_curve(axes, part, looks[lineage])
        axes.axhline(table.loc[table["skill"] == skill, "chance"].iloc[0], color="0.4", linestyle=":", linewidth=0.7)
        axes.set_title(skill)
        axes.set_ylim(0, 102)
    for axes in panels.flat[len(skills) :]:
        axes.set_axis_off()
    figure.supxlabel("contrast of the lens (share that is kept)")
    figure.supylabel("accuracy (%)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(lineages)))
    return figure


def _draw_curve(axes, part: pd.DataFrame, look: style.Look) -> None:
    shape = part[["chance", "top", "fitted_threshold", "fitted_width"]].iloc[0]
    at = np.linspace(part["contrast"].min(), part["contrast"].max(), _POINTS)
    fitted = 100 * curve(at, shape["fitted_threshold"], shape["fitted_width"], *shape[["top", "chance"]] / 100)
    axes.plot(at, fitted, color=look.color, linewidth=0.9)
    bars = style.bars(part, "accuracy", "low", "high")
    axes.errorbar(
        part["contrast"], part["accuracy"], yerr=bars, fmt=look.marker, color=look.color, label=look.label,
        elinewidth=0.6, markersize=2.5,
    )  # fmt: skip


def caption(changes: pd.DataFrame, confidence: float) -> str:
    """The caption of the forest plot, in reStructuredText."""
    items, seeds, comparisons = (int(changes[name].max()) for name in ("items", "seeds", "comparisons"))
    return (
        f"Change of each skill over ``{changes['compared_with'].iloc[0]}``, in points of accuracy, mean over the "
        f"contrasts that were asked; {_CREDIT}. {items} probes a skill, {seeds} seed(s). Bars are intervals that hold "
        f"together for all {comparisons} comparisons with {confidence:.0%} (Bonferroni).\n"
    )


def curves_caption(table: pd.DataFrame, confidence: float) -> str:
    """The caption of the curves, in reStructuredText."""
    unnamed = table["unnamed"]
    return (
        f"Accuracy in percent over the contrast of the lens (1: clear pictures); {_CREDIT}: {unnamed.min():.0f} to "
        f"{unnamed.max():.0f} % of the answers at a point. Lines: the fitted logistic rise from chance (dotted). "
        f"{style.intervals(table, confidence)} Each is for one point by itself.\n"
    )

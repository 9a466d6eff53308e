"""Reward during training, the phases of each lineage laid end to end."""

import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt


def draw(curves: pd.DataFrame, crossings: pd.DataFrame) -> Figure:
    """Smoothed mean reward over seeds with a band from the lowest to the highest of them.

    Args:
        curves: columns lineage, stage, step, reward, smoothed, low, high, seeds.
        crossings: columns lineage, compared_with, run, step, published; the rows of the run 'mean' are marked.
    """
    figure, axes = plt.subplots(figsize=(3.4, 2.3))
    looks = style.looks(list(dict.fromkeys(curves["lineage"])))
    borders = {}
    for lineage, look in looks.items():
        own = curves[curves["lineage"] == lineage].sort_values("step")
        for number, (stage, part) in enumerate(own.groupby("stage", sort=False)):
            label = look.full(lineage) if number == 0 else None
            axes.plot(part["step"], part["smoothed"], color=look.color, label=label)
            axes.fill_between(part["step"], part["low"], part["high"], color=look.color, alpha=0.2, linewidth=0)
            axes.plot(part["step"], part["reward"], ".", color=look.color, markersize=1.5, alpha=0.45)
            borders.setdefault(part["step"].min() - 0.5, stage)
    for start in [start for start in borders if start > 1]:
        axes.axvline(start, color="0.5", linewidth=0.6, linestyle=":")
    end = curves["step"].max()
    for row in crossings[crossings["run"] == "mean"].itertuples():
        if pd.notna(row.step):
            name = looks[row.compared_with].label
            axes.axvline(row.step, color=looks[row.lineage].color, linewidth=0.8, linestyle="--")
            axes.annotate(f"{name} stays ahead", (row.step, 1), xycoords=("data", "axes fraction"), fontsize=5.5)
        if pd.notna(row.published) and row.published <= end:
            axes.axvline(row.published, color="0.2", linewidth=0.8, linestyle="-.", label="published crossing (about)")
    axes.set_xlabel("optimizer steps of reinforcement learning")
    axes.set_ylabel("mean reward of a step")
    axes.set_xlim(0.5, end + 0.5)
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2)
    return figure


def caption(curves: pd.DataFrame, crossings: pd.DataFrame, window: int) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    n_seeds = int(curves["seeds"].max())
    seeds = (
        f"the mean over {n_seeds} seeds; the band goes from the lowest seed to the highest"
        if n_seeds > 1
        else "of one seed"
    )
    found = [
        f"From step {row.step:.0f} on, {row.compared_with} stays ahead of {row.lineage} (vertical dashes)."
        if row.outcome == "overtakes"
        else f"{row.compared_with} against {row.lineage}: {row.outcome}."
        for row in crossings[crossings["run"] == "mean"].itertuples()
    ]
    return (
        f"Mean reward of each step (dots) and of the last {window} steps of the same phase (lines), {seeds}. Dotted "
        "lines: a phase ends, and the prompts change with it, so that rewards compare within a phase of the same data "
        f"only. {' '.join(found)}\n"
    )

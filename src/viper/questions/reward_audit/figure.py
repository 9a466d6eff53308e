"""What answers earn that try to cheat, by threshold: plain formula against the options of coverage."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from viper.plotting import Figure, plt
from viper.questions.reward_audit.probes import HELD_TO

_LOOKS = {
    ("none", False): ("#D55E00", "o", "plain formula"),
    ("none", True): ("#E69F00", "D", "one to one"),
    ("multiply", True): ("#56B4E9", "s", "one to one, times coverage"),
    ("harmonic", True): ("#0072B2", "^", "one to one, harmonic with coverage"),
}


def draw(probes: pd.DataFrame, confidence: float) -> Figure:
    """One panel per embedder and threshold, from the table PROBES of `viper.questions.reward_audit.table`."""
    panels = list(dict.fromkeys(zip(probes["embedder"], probes["threshold"].astype(str), strict=True)))
    columns = min(len(panels), 4)
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(7.0, 0.7 + 1.7 * rows), sharex=True, sharey=True, squeeze=False)
    for panel, each in zip(panels, axes.flat, strict=False):
        part = probes[(probes["embedder"] == panel[0]) & (probes["threshold"].astype(str) == panel[1])]
        _draw_panel(each, part, norm.ppf((1 + confidence) / 2))
        each.set_title(f"{panel[0]}, τ {panel[1]}", fontsize=7)
    for each in axes.flat[len(panels) :]:
        each.set_visible(False)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=2)
    figure.supxlabel("R_correct above what the probe is held to", fontsize=7)
    return figure


def _draw_panel(axes: plt.Axes, part: pd.DataFrame, reach: float) -> None:
    axes.axvline(0, color="0.5", linewidth=0.7)
    for number, ((coverage, one_to_one), (color, marker, label)) in enumerate(_LOOKS.items()):
        own = part[(part["coverage"] == coverage) & (part["one_to_one"].astype(str) == str(one_to_one))]
        found = own.groupby("probe").agg(value=("advantage", "mean"), error=("advantage_error", _of_mean))
        found = found.reindex(list(HELD_TO))
        places = np.arange(len(found)) + 0.18 * (number - 1.5)
        axes.errorbar(
            found["value"], places, xerr=reach * found["error"], fmt=marker, color=color, label=label,
            markersize=3, elinewidth=0.7,
        )  # fmt: skip
    axes.set_yticks(range(len(HELD_TO)), list(HELD_TO))
    axes.set_ylim(len(HELD_TO) - 0.5, -0.5)


def _of_mean(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).sum()) / len(errors))


def caption(probes: pd.DataFrame, confidence: float) -> str:
    """What the figure shows, in words."""
    held = "; ".join(f"{name} to {other}" for name, other in HELD_TO.items())
    runs = len(probes[["lineage", "seed"]].drop_duplicates())
    return (
        f"R_correct of answers that try to cheat, above what each is held to ({held}), by embedder and threshold. To "
        f"the right of zero cheating pays. Means of {runs} runs; bars: {confidence:.0%} intervals over tasks.\n"
    )

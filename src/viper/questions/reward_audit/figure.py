"""What is gained under each setting of the reward, how embedders agree with the truth, and what cheating earns."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.reward_audit.claims import CHANCE, JUDGED, WAYS
from viper.questions.reward_audit.probes import HELD_TO
from viper.questions.reward_audit.table import PLAIN, is_under

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_MARKERS = ("o", "s", "^", "D")


def draw(table: pd.DataFrame, areas: pd.DataFrame, probes: pd.DataFrame, confidence: float) -> Figure:
    """On top the gains (left) and the areas under the ROC (right); below, what cheating earns.

    There, each embedder has a column and each threshold of JUDGED a row.
    """
    names = list(dict.fromkeys(probes["embedder"]))
    thresholds = [each for each in JUDGED if (probes["threshold"] == each).any()]
    figure = plt.figure(figsize=(7.2, 2.3 + 2.7 * len(thresholds)))
    upper, lower = figure.subfigures(2, 1, height_ratios=(2, 2.7 * len(thresholds)))
    left, right = upper.subplots(1, 2)
    reach = norm.ppf((1 + confidence) / 2)
    _draw_gains(left, table)
    _draw_areas(right, areas, reach)
    grid = lower.subplots(len(thresholds), len(names), sharex=True, sharey=True, squeeze=False)
    for threshold, panels in zip(thresholds, grid, strict=True):
        for panel, name in zip(panels, names, strict=True):
            _draw_probes(panel, probes[(probes["embedder"] == name) & (probes["threshold"] == threshold)], reach)
            panel.set_title(f"{name}, {JUDGED[threshold]}", fontsize=7)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    grid[-1, len(names) // 2].set_xlabel("R_correct that the probe earns")
    lower.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=6)
    return figure


def _draw_gains(axes: plt.Axes, table: pd.DataFrame) -> None:
    trained = table[table["gain"].notna()].iloc[::-1].reset_index(drop=True)
    reach = [trained["gain"] - trained["gain_low"], trained["gain_high"] - trained["gain"]]
    axes.errorbar(trained["gain"], trained.index, xerr=reach, fmt="o", color="0.3", markersize=4)
    axes.axvline(0, color="0.6", linewidth=0.5)
    axes.set_yticks(trained.index, trained["setting"])
    axes.set_ylim(-0.6, len(trained) - 0.4)
    axes.set_xlabel("gain over the base (points)")


def _draw_areas(axes: plt.Axes, areas: pd.DataFrame, reach: float) -> None:
    sources, names = list(dict.fromkeys(areas["source"])), list(dict.fromkeys(areas["embedder"]))
    for number, name in enumerate(names):
        own = areas[areas["embedder"] == name].groupby("source")
        found = own.agg(value=("auc", "mean"), error=("error", _of_mean)).reindex(sources)
        places = np.arange(len(sources)) + 0.2 * (number - (len(names) - 1) / 2)
        axes.errorbar(
            found["value"], places, xerr=reach * found["error"], fmt=_MARKERS[number % len(_MARKERS)], label=name,
            color=_COLORS[number % len(_COLORS)], markersize=4,
        )  # fmt: skip
    axes.axvline(CHANCE, color="0.6", linewidth=0.5)
    axes.set_yticks(range(len(sources)), sources)
    axes.set_ylim(len(sources) - 0.5, -0.5)
    axes.set_xlabel("area under the ROC, right against wrong")
    axes.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))


def _draw_probes(axes: plt.Axes, part: pd.DataFrame, reach: float) -> None:
    axes.axvline(0, color="0.6", linewidth=0.5)
    plain = part[is_under(part, PLAIN)].groupby("probe")[["correct", "advantage"]].mean().reindex(list(HELD_TO))
    axes.plot(
        plain["correct"] - plain["advantage"], range(len(plain)), linestyle="", marker="|", markersize=14, color="0.5",
        label="what it is held to",
    )  # fmt: skip
    for number, (way, label) in enumerate(WAYS.items()):
        own = part[is_under(part, way)].groupby(["seed", "probe"], as_index=False)[["correct", "correct_error"]].mean()
        found = own.groupby("probe").agg(value=("correct", "mean"), error=("correct_error", _of_mean))
        found = found.reindex(list(HELD_TO))
        places = np.arange(len(found)) + 0.18 * (number - 1.5)
        axes.errorbar(
            found["value"], places, xerr=reach * found["error"], fmt=_MARKERS[number], color=_COLORS[number],
            label=label, markersize=3, elinewidth=0.7,
        )  # fmt: skip
    axes.set_yticks(range(len(HELD_TO)), list(HELD_TO))
    axes.set_ylim(len(HELD_TO) - 0.5, -0.5)


def _of_mean(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).sum()) / len(errors))


def caption(table: pd.DataFrame, confidence: float) -> str:
    """What the figure shows, in words."""
    held = "; ".join(f"{name} to {other}" for name, other in HELD_TO.items())
    return (
        "The same training under several embedders, each at its own calibrated threshold, and under the first at other "
        f"thresholds. Top left: what each gained over the base. {style.intervals(table, confidence)} Top right: how "
        "well the cosine tells right sentences from wrong ones, on sentences that training sampled and on labelled "
        f"pairs by the way in which the right ones differ; bars: {confidence:.0%} intervals over sentences. Below: "
        "R_correct of answers that try to cheat, by embedder, threshold and option of coverage; the gray stroke is "
        f"what the plain formula pays for what each is held to ({held}): to the right of it cheating pays. Bars: "
        f"{confidence:.0%} intervals over prompts, each point by itself.\n"
    )

"""What each way of training gained, and the reward over the compute that it took."""

import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt

_MILLION = 1e6
_OTHER = style.Look("#555555", "o", "")  # what has no curve


def draw(table: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """On the left the gain over the base of each lineage, with its interval, and the compute that it took; on the right
    the reward over compute: the mean of the seeds, the band from the lowest to the highest."""
    trained = table[table["gain"].notna()].iloc[::-1].reset_index(drop=True)
    looks = style.looks(list(dict.fromkeys(curves["lineage"])))
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 0.9 + 0.26 * max(len(trained), 7)), width_ratios=(5, 4))
    for place, row in trained.iterrows():
        look = looks.get(row["lineage"], _OTHER)
        reach = [[row["gain"] - row["gain_low"]], [row["gain_high"] - row["gain"]]]
        left.errorbar(row["gain"], place, xerr=reach, fmt=look.marker, color=look.color, markeredgecolor="0.2")
    left.axvline(0, color="0.6", linewidth=0.5)
    left.set_yticks(
        range(len(trained)),
        [f"{row.lineage}\n{row.passes / _MILLION:.3g} M passes" for row in trained.itertuples()],
        fontsize=6,
    )
    left.set_ylim(-0.6, len(trained) - 0.4)
    left.set_xlabel("gain over the base (points)")
    for lineage, part in curves.groupby("lineage", sort=False):
        runs = part.groupby("step")
        compute, reward = runs["passes"].mean() / _MILLION, runs["smoothed"].mean()
        look = looks[lineage]
        right.plot(compute, reward, color=look.color, marker=look.marker, markevery=0.2, markersize=4, label=lineage)
        right.fill_between(
            compute, runs["smoothed"].min(), runs["smoothed"].max(), color=look.color, alpha=0.15, linewidth=0
        )
    right.locator_params(axis="x", nbins=5)
    right.set_xlabel("compute spent (million passes of a token)")
    right.set_ylabel("reward")
    if len(curves):
        right.legend(fontsize=6)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    return (
        "Ways of training the same base on the same data. Left: what each gained over the base, in points of the mean "
        f"over the benchmarks. {style.intervals(table, confidence)} Below each name the compute that training took: "
        "passes of a token through the model, of which a backward pass is two; times twice the number of parameters "
        "they are floating-point operations. Right: the reward over the compute spent before each sampling, smoothed, "
        "the mean of the seeds with a band from the lowest to the highest.\n"
    )

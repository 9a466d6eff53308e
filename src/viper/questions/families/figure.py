"""The scores of both families over the stages of training, and what they gained on each benchmark."""

import pandas as pd

from viper.analysis.bootstrap import Estimate
from viper.analysis.figures import style
from viper.analysis.published import OVERALL
from viper.lineage import phase_of
from viper.plotting import Figure, plt
from viper.questions.judging import shown

_COLORS, _MARKERS, _APART = ("#0072B2", "#D55E00"), ("o", "s"), 0.12


def draw(table: pd.DataFrame) -> Figure:
    """On the left the overall score after each stage; on the right the gain of the last stage over the base,
    overall and by benchmark."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), width_ratios=(2, 3))
    last = table["stage"].max()
    columns = [OVERALL, *(name for name in dict.fromkeys(table["column"]) if name != OVERALL)][::-1]
    names = ["base", *(f"after {phase_of(name).upper()}" for name in _stages(table))]
    for number, (family, rows) in enumerate(table.groupby("family", sort=False)):
        look = {"color": _COLORS[number], "marker": _MARKERS[number], "label": family, "capsize": 2}
        shift = _APART * (number - 0.5)
        overall = rows[rows["column"] == OVERALL].sort_values("stage")
        left.errorbar(
            overall["stage"] + shift, overall["score"], yerr=style.bars(overall, "score", "low", "high"), **look
        )
        gained = rows[rows["stage"] == last].set_index("column").loc[columns].reset_index()
        right.errorbar(
            gained["gain"],
            [place - 2 * shift for place in range(len(columns))],
            xerr=style.bars(gained, "gain", "gain_low", "gain_high"),
            linestyle="",
            **look,
        )
    left.set_xticks(range(last + 1), names)
    left.set_xlim(-0.4, last + 0.4)
    left.set_ylabel("score, mean over the benchmarks (%)")
    right.axvline(0, color="0.6", linewidth=0.5)
    right.set_yticks(range(len(columns)), columns)
    right.set_ylim(-0.6, len(columns) - 0.4)
    right.set_xlabel("gain over the family's base (points)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    own, other = dict.fromkeys(table["family"])
    final = table[(table["column"] == OVERALL) & table["difference"].notna()].sort_values("stage").iloc[-1]
    difference = Estimate(*final[["difference", "difference_low", "difference_high"]])
    return (
        f"The loop with {own} and with {other}, each on the data that it synthesizes itself. Left: score after each "
        "stage, the mean over the benchmarks. Right: what all stages gained over the family's own base. The gain of "
        f"{other} less that of {own} is {shown(difference)}. {style.intervals(table, confidence)}\n"
    )


def _stages(table: pd.DataFrame) -> list[str]:
    """The trained lineages of the first family, stage by stage."""
    own = table[table["family"] == table["family"].iloc[0]].sort_values("stage")
    return [name for name in dict.fromkeys(own["lineage"]) if "." in name]

"""Generation by generation: accuracy, the audit of each step, how different the data are, reward."""

from collections.abc import Mapping

import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.generations import measures
from viper.questions.generations.plan import CONTROL, FRESH, SAME
from viper.questions.generations.table import COURSE

LOOKS = {
    SAME: ("#0072B2", "^", "loop, same seed images"),
    FRESH: ("#009E73", "D", "loop, fresh seed images"),
    CONTROL: ("#7F7F7F", "o", "control: as long on the first generation's data"),
}
_SHIFT = {SAME: -0.06, FRESH: 0.06, CONTROL: 0.0}  # so that error bars of one generation stand side by side
# Title → the axis, and the measures drawn in it, each with its line.
PANELS: dict[str, tuple[str, dict[str, str]]] = {
    "answers of the model": ("right (%)", {measures.ACCURACY: "-"}),
    "captions of the data": ("facts right (%)", {measures.CAPTIONS: "-"}),
    "labels of the data": ("right (%)", {measures.REFINEMENTS: "-", measures.STATEMENTS: "--"}),
    "edits of the data": ("done (%)", {measures.EDITS: "-"}),
    "statements of the data": (
        "distinct (%)",
        {measures.DISTINCT["csr"]: "-", measures.DISTINCT["vop"]: "--"},
    ),
    "training": ("reward (of 1)", {measures.REWARD_FIRST: ":", measures.REWARD_LAST: "-"}),
}
# What a line's style says, where a panel has two.
_STYLES = {
    measures.REFINEMENTS: "refinements",
    measures.STATEMENTS: "operations",
    measures.DISTINCT["csr"]: "refinements",
    measures.DISTINCT["vop"]: "operations",
    measures.REWARD_FIRST: "first steps",
    measures.REWARD_LAST: "last steps",
}


def draw(table: pd.DataFrame) -> Figure:
    """Panels over generations, from the summary (`viper.questions.generations.table`); empty ones are left out."""
    shown = {title: panel for title, panel in PANELS.items() if set(panel[1]) & set(table["measure"])}
    rows = -(-len(shown) // 2)
    figure, grid = plt.subplots(rows, 2, figsize=(5.6, 0.5 + 1.65 * rows), squeeze=False, sharex=True)
    arms = [arm for arm in LOOKS if arm in set(table["arm"])]
    for axes, (title, (unit, lines)) in zip(grid.flat, shown.items(), strict=False):
        for arm in arms:
            _draw_arm(axes, table[table["arm"] == arm], arm, lines)
        axes.set_title(title)
        axes.set_ylabel(unit)
        _explain(axes, lines)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    generations = sorted(table["generation"].unique())
    for axes in grid[-1]:
        axes.set_xlabel("generation")
        axes.set_xticks(generations, ["base" if number == 0 else f"{number:.0f}" for number in generations])
    handles = [plt.Line2D([], [], color=LOOKS[arm][0], marker=LOOKS[arm][1], label=LOOKS[arm][2]) for arm in arms]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.2)
    return figure


def _draw_arm(axes: plt.Axes, part: pd.DataFrame, arm: str, lines: Mapping[str, str]) -> None:
    color, marker, _ = LOOKS[arm]
    for measure, dashes in lines.items():
        points = part[part["measure"] == measure].sort_values("generation")
        if points.empty or (arm == CONTROL and len(points) == 1):  # the first generation's data are the loop's
            continue
        axes.errorbar(
            points["generation"] + _SHIFT[arm],
            points["value"],
            yerr=style.bars(points, "value", "low", "high"),
            color=color,
            marker=marker,
            linestyle=dashes,
            elinewidth=0.6,
            capsize=1.5,
        )


def _explain(axes: plt.Axes, lines: Mapping[str, str]) -> None:
    if len(lines) > 1:
        handles = [
            plt.Line2D([], [], color="0.3", linestyle=dashes, label=_STYLES[name]) for name, dashes in lines.items()
        ]
        axes.legend(handles=handles, loc="best", fontsize=5.5, handlelength=2.2)


def caption(table: pd.DataFrame, claims: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    courses = "; ".join(
        f"{LOOKS[row.claim.removesuffix(COURSE)][2]}: {row.verdict}"
        for row in claims.itertuples()
        if row.claim.endswith(COURSE)
    )
    return (
        "Generations of the loop, each trained on what its parent synthesised; its data are those that it trained on. "
        f"The last generation against the first: {courses}. {style.intervals(table, confidence)} Those of data and of "
        "rewards are over seeds (with one seed, over sentences and steps). Distinct are statements among as many of "
        "every data set.\n"
    )

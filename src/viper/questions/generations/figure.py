"""Generation by generation: accuracy, reward, the audit of each step, how many and how different the labels are."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.generations import measures
from viper.questions.generations.plan import BEFORE, CONTROL, FRESH, SAME
from viper.questions.generations.table import COURSE

LOOKS = {
    SAME: ("#0072B2", "^", "loop, same seed images"),
    FRESH: ("#009E73", "D", "loop, fresh seed images"),
    CONTROL: ("#7F7F7F", "o", "control: as long on the first generation's data"),
}
_SHIFT = {SAME: -0.07, FRESH: 0.07, CONTROL: 0.0}  # so that error bars of one generation stand side by side
_SETS = {"csr": "refinements", "vop": "operations"}  # what the statements of each data set are
_DASHES = {"csr": "-", "vop": "--"}


def _of_sets(names: Mapping[str, str]) -> dict[str, str]:
    return {names[name]: dashes for name, dashes in _DASHES.items()}


# Title → the axis, and the measures drawn in it, each with its line.
PANELS: dict[str, tuple[str, dict[str, str]]] = {
    "answers of the model": ("right (%)", {measures.ACCURACY: "-"}),
    "training, first steps (dotted) and last": (
        "reward (of 1)",
        {measures.REWARD_FIRST: ":", measures.REWARD_LAST: "-"},
    ),
    "captions of the data": ("facts right (%)", {measures.CAPTIONS: "-"}),
    "statements of the data": ("right (%)", {measures.REFINEMENTS: "-", measures.STATEMENTS: "--"}),
    "edits of the data": ("done (%)", {measures.EDITS: "-"}),
    "number of statements": ("statements", _of_sets(measures.NUMBER)),
    "distinct statements": ("share of as many (%)", _of_sets(measures.DISTINCT)),
    "entropy of statements": ("bits, of as many", _of_sets(measures.ENTROPY)),
    "entropy of their kinds": ("bits", _of_sets(measures.KINDS)),
}
_COLUMNS = 3  # of panels with lines
_BAR = 0.36  # width of the bar of one arm, in generations
_KINDS = ("#4477AA", "#EE6677", "#CCBB44", "#AA3377", "#66CCEE", "#228833", "#BBBBBB")  # Tol's bright colors


def draw(table: pd.DataFrame) -> Figure:
    """Panels over generations, from the summary (`viper.questions.generations.table`); empty ones are left out."""
    shown = {title: panel for title, panel in PANELS.items() if set(panel[1]) & set(table["measure"])}
    kinds = {name: found for name in _SETS if (found := measures.shares_of_kinds(table["measure"].unique(), name))}
    arms = [arm for arm in LOOKS if arm in set(table["arm"])]
    rows = -(-len(shown) // _COLUMNS)
    figure = plt.figure(figsize=(7.0, 0.4 + 1.6 * (rows + bool(kinds))))
    parts = figure.subfigures(2 if kinds else 1, 1, height_ratios=[rows + 0.3, 1.0] if kinds else [1.0], squeeze=False)
    grid = parts[0, 0].subplots(rows, _COLUMNS, squeeze=False)
    for place, (title, (unit, lines)) in enumerate(shown.items()):
        axes = grid.flat[place]
        for arm in arms:
            _draw_arm(axes, table[table["arm"] == arm], arm, lines)
        axes.set(title=title, ylabel=unit)
        _draw_most(axes, table, lines)
        _name_generations(axes, table["generation"], is_lowest=place + _COLUMNS >= len(shown))
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    if kinds:
        loops = [arm for arm in arms if arm != CONTROL]
        for axes, (name, found) in zip(parts[1, 0].subplots(1, 2, squeeze=False).flat, kinds.items(), strict=False):
            _draw_kinds(axes, table, loops, found)
            axes.set_title(f"kinds of {_SETS[name]}")
    parts[0, 0].legend(handles=_legend(arms), loc="outside upper center", ncols=5, columnspacing=1.0, handlelength=1.8)
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


def _draw_most(axes: plt.Axes, table: pd.DataFrame, lines: Iterable[str]) -> None:
    """A faint line at the entropy of statements that are all different, which nothing exceeds."""
    for measure in [each for each in lines if each in measures.ENTROPY.values()]:
        drawn = table.loc[table["measure"] == measure, "n"].min()
        axes.axhline(np.log2(drawn), color="0.6", linestyle=":", linewidth=0.8)


def _draw_kinds(axes: plt.Axes, table: pd.DataFrame, loops: Sequence[str], kinds: Mapping[str, str]) -> None:
    """Stacked bars, one for each generation and loop, which its marker above tells."""
    shares = table[table["measure"].isin(list(kinds))].pivot(
        index=["arm", "generation"], columns="measure", values="value"
    )
    common = shares.mean().sort_values(ascending=False).index  # the most frequent kind at the bottom
    for place, arm in enumerate(loops):
        part = shares.loc[arm]
        at = part.index + 1.1 * _BAR * (place - (len(loops) - 1) / 2)
        tops = part[common].cumsum(axis=1)
        for measure, color in zip(common, _KINDS * len(common), strict=False):
            label = None if place else kinds[measure]
            axes.bar(at, part[measure], _BAR, tops[measure] - part[measure], color=color, label=label)
        axes.plot(at, [104] * len(at), linestyle="", marker=LOOKS[arm][1], color=LOOKS[arm][0], clip_on=False)
    axes.set_ylim(0, 108)
    axes.set_yticks(range(0, 101, 25))
    axes.set_ylabel("share (%)")
    axes.grid(visible=False, axis="x")
    _name_generations(axes, shares.index.get_level_values("generation"))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True, fontsize=5.5, handlelength=1.0)


def _name_generations(axes: plt.Axes, generations: Iterable[int], *, is_lowest: bool = True) -> None:
    numbers = sorted(set(generations))
    axes.set_xticks(numbers, ["base" if number == BEFORE else f"{number:.0f}" for number in numbers])
    axes.set_xlim(numbers[0] - 0.4, numbers[-1] + 0.4)
    axes.tick_params(axis="x", labelbottom=is_lowest)
    axes.set_xlabel("generation" if is_lowest else "")


def _legend(arms: Sequence[str]) -> list[plt.Line2D]:
    loops = [plt.Line2D([], [], color=LOOKS[arm][0], marker=LOOKS[arm][1], label=LOOKS[arm][2]) for arm in arms]
    return loops + [plt.Line2D([], [], color="0.3", linestyle=_DASHES[name], label=_SETS[name]) for name in _SETS]


def caption(table: pd.DataFrame, claims: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    courses = "; ".join(
        f"{LOOKS[row.claim.removesuffix(COURSE)][2]}: {row.verdict}"
        for row in claims.itertuples()
        if row.claim.endswith(COURSE)
    )
    drawn = table[table["measure"].isin(measures.DISTINCT.values())].groupby("measure")["n"].min()
    as_many = " and ".join(f"{drawn[measures.DISTINCT[name]]:.0f} {word}" for name, word in _SETS.items())
    return (
        "Generations of the loop, each trained on what its parent synthesised; its data are those that it trained on. "
        f"The last generation against the first: {courses}. {style.intervals(table, confidence)} Those of data and of "
        "rewards are over seeds (with one seed, over sentences and steps). Distinct statements and their entropy are "
        f"of {as_many} of every data set, as many as the smallest has; dotted: the entropy where all are different.\n"
    )

"""How often refinements match what differs, and how often something else does: by the truth and by people."""

import numpy as np
import pandas as pd

from viper.analysis.figures import style
from viper.plotting import Figure, plt
from viper.questions.inspection.table import TRUTH

_TITLES = {"sentences": "the refinement matches", "something else": "something else differs"}


def draw(shares: pd.DataFrame) -> Figure:
    """Shares with their intervals: a panel for each sort of parts, a row per lineage, a marker per judge."""
    lineages, judges = (list(dict.fromkeys(shares[name])) for name in ("lineage", "judge"))
    looks = style.looks(lineages)
    figure, panels = plt.subplots(
        1, len(_TITLES), sharey=True, figsize=(5.4, 0.9 + 0.28 * len(lineages) * max(len(judges), 2))
    )
    shifts = np.linspace(-0.2, 0.2, len(judges)) if len(judges) > 1 else [0.0]
    for axes, (parts, title) in zip(panels, _TITLES.items(), strict=True):
        for judge, shift, marker in zip(judges, shifts, ("o", "s", "D"), strict=False):
            own = shares[(shares["judge"] == judge) & (shares["parts"] == parts)]
            own = own[own["number"] > 0]
            for row in own.itertuples():
                color = looks[row.lineage].color
                axes.errorbar(
                    100 * row.share,
                    lineages.index(row.lineage) + shift,
                    xerr=[[100 * max(row.share - row.low, 0)], [100 * max(row.high - row.share, 0)]],
                    fmt=marker,
                    color=color,
                    markerfacecolor=color if judge == TRUTH else "white",
                    elinewidth=0.7,
                )
        axes.set_title(title)
        axes.set_xlim(0, 100)
        axes.set_xlabel("yes (%)")
        axes.grid(visible=False, axis="y")
    for judge, marker in zip(judges, ("o", "s", "D"), strict=False):
        fill = "0.4" if judge == TRUTH else "white"
        panels[0].errorbar([], [], fmt=marker, color="0.4", markerfacecolor=fill, label=judge)
    panels[0].set_yticks(range(len(lineages)), lineages)
    panels[0].set_ylim(len(lineages) - 0.5, -0.5)
    if judges:
        figure.legend(loc="outside upper center", ncols=len(judges))
    return figure


def caption(shares: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    number = shares.groupby("parts")["number"].max()
    people = [judge for judge in dict.fromkeys(shares["judge"]) if judge != TRUTH]
    who = " and ".join(people) if people else "nobody's judgement is named yet"
    return (
        f"Of the inspected pictures: how often a refinement (at most {int(number.get('sentences', 0))} of a lineage) "
        "matches what differs between the caption and the picture that it is held to, and how often something else "
        f"differs that none names ({int(number.get('something else', 0))} captions). Judged by the truth of drawn "
        "pictures and the independent checker's reading of painted ones, where these are known, and by people "
        f"({who}). Bars are {confidence:.0%} Wilson intervals.\n"
    )

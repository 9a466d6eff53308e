"""What training gained against how many of its labels were true: one point a lineage, a panel a phase."""

import pandas as pd

from viper.analysis.figures import style
from viper.lineage import variant_of
from viper.plotting import Figure, plt

_CROWDED, _BESIDE = 0.86, 0.12  # shares
MARKERS = {"csr": ("s", "#56B4E9", "CSR"), "vop": ("D", "#E69F00", "VOP")}  # as in the other figures


def draw(table: pd.DataFrame) -> Figure:
    """Gain over share of true labels, from the table of `ablation_labels.table`, with intervals of both."""
    figure, panels = plt.subplots(ncols=len(MARKERS), figsize=(6.4, 2.8), sharey=True)
    for axes, (phase, (marker, color, title)) in zip(panels, MARKERS.items(), strict=True):
        part = table[table["phase"] == phase]
        shown = part.fillna({"share_low": part["share"], "share_high": part["share"]})  # true by construction
        axes.errorbar(
            100 * part["share"],
            part["gain"],
            xerr=100 * style.bars(shown, "share", "share_low", "share_high"),
            yerr=style.bars(part, "gain", "gain_low", "gain_high"),
            fmt=marker,
            color=color,
            ecolor="0.5",
            elinewidth=0.7,
        )
        for row in part.itertuples():
            is_right = row.share > _CROWDED  # where a name to the right would leave the axes
            is_above = row.gain >= part.loc[(part["share"] - row.share).abs() < _BESIDE, "gain"].mean()
            axes.annotate(
                variant_of(row.lineage) or row.lineage,
                (100 * row.share, row.gain),
                (-5 if is_right else 5, 4 if is_above else -9),  # away from those beside it
                textcoords="offset points",
                ha="right" if is_right else "left",
                fontsize=5,
            )
        axes.axhline(0, color="0.6", linewidth=0.5)
        axes.set_title(title)
        axes.set_xlabel("true labels (%)")
    panels[0].set_ylabel("gain (points)")
    return figure


def caption(table: pd.DataFrame, confidence: float) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    return (
        "What a phase gained over the base that is asked alike, in points of the mean over the benchmarks, against the "
        "share of its labels that are true by the audit: of CSR, refinements that tell a mistake of the caption right; "
        "of VOP, statements that hold of both pictures. Labels by the truth are true by construction, those that were "
        "shuffled by chance alone. Names are those of the variants of the scale. "
        f"{style.intervals(table, confidence)} Those of shares are Wilson's, over the labels of all seeds.\n"
    )

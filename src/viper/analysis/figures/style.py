"""What all figures share: the style file, one color and name per lineage, saving, and words of captions."""

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from viper.analysis.phrases import seeds_phrase
from viper.errors import ViperError
from viper.files import atomic_write
from viper.lineage import split_control
from viper.plotting import Figure, plt, reset
from viper.provenance.sidecar import current_id

METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}
# Where a format keeps the hash of what a figure was made from (viper.provenance.sidecar).
PROVENANCE_KEY = {".png": "Provenance", ".svg": "Identifier", ".pdf": "Subject"}

# One published figure has one look in all figures: an open marker.
PUBLISHED = {"facecolors": "white", "edgecolors": "0.1", "linewidths": 0.8, "zorder": 4}


class Look(NamedTuple):
    """How a lineage is drawn and called."""

    color: str
    marker: str
    label: str

    def full(self, lineage: str) -> str:
        """Its label with the lineage's name, where they differ."""
        return lineage if self.label == lineage else f"{self.label} ({lineage})"


# The same lineage looks the same in every figure; colors by Okabe and Ito. Any other lineage gets one of the rest.
_LOOKS = {
    "base": Look("#7F7F7F", "o", "base"),
    "base.csr": Look("#56B4E9", "s", "CSR only"),
    "base.vop": Look("#E69F00", "D", "VOP only"),
    "base.csr.vop": Look("#0072B2", "^", "two-stage"),
    "base.mix": Look("#D55E00", "v", "mixed RL"),
    "base.cold.csr.vop": Look("#CC79A7", "P", "cold start"),
    "base.sft": Look("#009E73", "X", "SFT"),
}
_REST = [("#F0E442", "p"), ("#AA4499", "8"), ("#882255", "h"), ("#999933", "<"), ("#44AA99", ">"), ("#332288", "d")]


def looks(lineages: Sequence[str]) -> dict[str, Look]:
    """A look for each lineage, unlike all others' among them up to six checkpoints that have none of their own.

    A checkpoint that is asked under a control looks the same, but darker.
    """
    checkpoints = dict.fromkeys(split_control(lineage)[0] for lineage in lineages)
    others = [name for name in checkpoints if name not in _LOOKS]
    known = _LOOKS | {name: Look(*_REST[i % len(_REST)], name) for i, name in enumerate(others)}
    return {lineage: _asked(lineage, known) for lineage in lineages}


def _asked(lineage: str, known: Mapping[str, Look]) -> Look:
    checkpoint, control = split_control(lineage)
    look = known[checkpoint]
    return look._replace(color=_darker(look.color), label=f"{look.label}, {control}") if control else look


def _darker(color: str) -> str:
    """Half as bright a color, #RRGGBB."""
    return "#" + "".join(f"{int(color[place : place + 2], 16) // 2:02X}" for place in (1, 3, 5))


def use_style() -> None:
    """Draw in the project's style from here on, and in nothing else."""
    reset()
    with as_file(files("viper.analysis.figures").joinpath("viper.mplstyle")) as path:
        plt.style.use(path)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure in the format of its suffix, without time stamps, so that equal figures are equal files.

    Its metadata hold the hash of what it was made from, the `id` of the record beside it.

    Raises:
        ViperError: another suffix than .png, .svg or .pdf.
    """
    suffix = Path(path).suffix
    if suffix not in METADATA:
        raise ViperError(f"{path}: figures are written as {', '.join(METADATA)}: choose one of these suffixes")
    metadata = METADATA[suffix] | ({PROVENANCE_KEY[suffix]: made} if (made := current_id()) else {})
    with atomic_write(path) as partial:
        figure.savefig(partial, metadata=metadata)


def bars(part: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Lengths of error bars, (2, rows); an interval need not hold the value, hence the floor at zero."""
    return np.stack([part[value] - part[low], part[high] - part[value]]).clip(min=0)


def intervals(table: pd.DataFrame, confidence: float) -> str:
    """The sentence of a caption that says what the intervals are."""
    n_seeds = int(table["seeds"].max())
    return f"Bars are {confidence:.0%} intervals by paired bootstrap over items{seeds_phrase(n_seeds)}."

"""Yes-or-no observations about pictures and sentences of the micro world, and their shares with intervals.

The audit of a synthesis and the measurement of the base models count the same way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from microworld.operations import Operation
from microworld.scene import Object, Scene

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTES = ("kind", "color", "size")
BACKGROUND = ("shade", "texture")


@dataclass(frozen=True)
class Finding:
    """One yes-or-no observation of a step of the loop, or of a model."""

    step: str
    measure: str
    hit: bool


def shares(findings: Iterable[Finding]) -> "pd.DataFrame":
    """Columns step, measure, share, low, high (Wilson, 95 %), n; rows in the order of their first finding."""
    import pandas as pd  # here, since painter and editor, which only look at scenes, would wait for it at every start
    from scipy.stats import binomtest

    rows = []
    table = pd.DataFrame([vars(finding) for finding in findings], columns=["step", "measure", "hit"])
    for (step, measure), hits in table.groupby(["step", "measure"], sort=False)["hit"]:
        interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
        rows.append((step, measure, hits.mean(), interval.low, interval.high, len(hits)))
    return pd.DataFrame(rows, columns=["step", "measure", "share", "low", "high", "n"]).round(4)


def matches(said: Object, found: Object | None) -> bool:
    """Whether an object is as said; a parsed operation leaves unsaid attributes empty."""
    return found is not None and all(getattr(said, name) in ("", getattr(found, name)) for name in ATTRIBUTES)


def look(scene: Scene, cell: int) -> Object | None:
    """What is in a cell, wherever in the cell it stands."""
    thing = scene.at(cell)
    return thing and replace(thing, dx=0, dy=0)


def edit_done(operation: Operation, edited: Scene) -> bool:
    """Whether the cells that an operation names look as it orders."""
    before, after = operation.before, operation.after
    if after is not None and not matches(after, edited.at(after.cell)):
        return False
    left = before is not None and (after is None or after.cell != before.cell)
    return not left or edited.at(before.cell) is None

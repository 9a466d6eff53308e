"""How true the labels are that a lineage was trained on, beside what the training gained."""

from collections.abc import Collection, Sequence

import pandas as pd
from scipy.stats import binomtest

from viper.analysis.published import OVERALL
from viper.errors import ViperError
from viper.lineage import phase_of, split_control

# Phase → the step of the audit and its measure that say how many of the phase's labels are true.
MEASURES = {
    "csr": ("refinements", "the caption's mistake, told right"),
    "vop": ("edits", "statement is true"),
}
AUDIT, AUDIT_NUMBERS = ["lineage", "seed", "step", "measure", "share", "n"], ["share", "n"]
COLUMNS = ["lineage", "phase", "labels", "share", "share_low", "share_high"]
COLUMNS += ["compared_with", "gain", "gain_low", "gain_high", "seeds"]
NUMBERS = [column for column in COLUMNS if column not in ("lineage", "phase", "compared_with")]


def labelled(lineages: Sequence[str]) -> list[str]:
    """Those of some lineages that one phase was trained on labels whose truth is known."""
    checkpoints = {lineage: split_control(lineage)[0] for lineage in lineages}
    return [lineage for lineage, name in checkpoints.items() if name.count(".") == 1 and phase_of(name) in MEASURES]


def join(
    audit: pd.DataFrame,
    scores: pd.DataFrame,
    by_truth: Collection[str],
    confidence: float,
    shuffled: Collection[str] = (),
) -> pd.DataFrame:
    """One row per lineage of one phase; the columns are COLUMNS, shares of 0..1 and gains in points.

    Args:
        audit: of the loop's syntheses, all seeds (AUDIT); labels of all seeds count together.
        scores: tidy table of the benchmarks; the gain is the difference of the mean over them.
        by_truth: the lineages whose labels were made by the truth. Theirs are true by construction, of which the audit
            of the loop's own says nothing: `labels`, their number, and the interval are empty.
        confidence: of the Wilson interval of the share.
        shuffled: the lineages whose labels are of other rows, and true by chance alone: their share is 0, with
            no interval.

    Raises:
        ViperError: the audit says nothing of a lineage's labels.
    """
    overall = scores[scores["column"] == OVERALL].set_index("lineage")
    known = {**dict.fromkeys(by_truth, 1.0), **dict.fromkeys(shuffled, 0.0)}
    rows = []
    for lineage in labelled(list(overall.index)):
        checkpoint, _ = split_control(lineage)
        root, _, phase = checkpoint.partition(".")
        row = {"lineage": lineage, "phase": phase}
        row |= {"share": known[lineage]} if lineage in known else _share(audit, root, phase, confidence)
        gained = overall.loc[lineage]
        row |= {"compared_with": gained["compared_with"], "gain": gained["difference"], "seeds": gained["seeds"]}
        row |= {"gain_low": gained["difference_low"], "gain_high": gained["difference_high"]}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _share(audit: pd.DataFrame, synthesizer: str, phase: str, confidence: float) -> dict[str, float]:
    step, measure = MEASURES[phase]
    found = audit[(audit["lineage"] == synthesizer) & (audit["step"] == step) & (audit["measure"] == measure)]
    labels = int(found["n"].sum())
    if not labels:
        raise ViperError(f"the audit has no row of {synthesizer}, {step}: {measure}: make audit_synthesis again")
    true = int((found["share"] * found["n"]).round().sum())
    interval = binomtest(true, labels).proportion_ci(confidence, method="wilson")
    return {"labels": labels, "share": true / labels, "share_low": interval.low, "share_high": interval.high}

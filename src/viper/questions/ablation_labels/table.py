"""How true the labels are that a lineage was trained on, beside what the training gained; and the claims."""

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from viper.analysis.bootstrap import Scores
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, PERCENT, SHARE, keyed
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions.ablation_labels import AblationLabels, Contest
from viper.errors import ViperError
from viper.lineage import phase_of, split_control
from viper.questions import answers
from viper.questions.judging import judged
from viper.reading import read_table

# Phase → the step of the audit and its measure that say how many of the phase's labels are true.
MEASURES = {
    "csr": ("refinements", "the caption's mistake, told right"),
    "vop": ("edits", "statement is true"),
}
COLUMNS = ["lineage", "phase", "labels", "share", "share_low", "share_high", "score", "low", "high"]
COLUMNS += ["gain", "gain_low", "gain_high", "seeds", "items"]

CSR, VOP = "Caption self-refining", "Visual-operation predicting"
# choice → the claim; of what was measured the sentence says the same
CLAIMS: Mapping[Contest, str] = {
    "refinements": f"{CSR} on refinements that are right by construction beats that on its critic's",
    "premises": f"{VOP} on operations that start from what was added beats that on operations that start from what the "
    "model sees",
    "refinements_of_others": f"{CSR} on refinements that are right by construction beats that on the same ones, each of"
    " another caption",
    "operations_of_others": f"{VOP} on operations that start from what was added beats that on the same ones, each of "
    "another pair",
    "truth": f"{VOP} on operations that start from what the model sees, on the pairs alone that are true by the drawn "
    "world, beats that on all of its own pairs",
}


def summary(
    audit: pd.DataFrame,
    scores: Scores,
    lineages: Sequence[str],
    seeds: Sequence[int],
    *,
    by_truth: Collection[str] = (),
    shuffled: Collection[str] = (),
) -> pd.DataFrame:
    """One row per lineage; the columns are COLUMNS, shares of 0 to 1, scores in percent and gains in points.

    Args:
        audit: of the syntheses of these lineages, all seeds, see `viper.questions.audits`; labels of all seeds count
            together.
        lineages: the base, over which the others gain, then these, each of one phase of MEASURES.
        by_truth: the lineages whose labels were made by the truth. Theirs are true by construction, of which the audit
            of the loop's own says nothing: `labels`, their number, and the interval are empty.
        shuffled: the lineages whose labels are of other rows, and true by chance alone: their share is 0, with
            no interval.

    Raises:
        ViperError: the audit says nothing of a lineage's labels.
    """
    base, *others = lineages
    known = {**dict.fromkeys(by_truth, 1.0), **dict.fromkeys(shuffled, 0.0)}
    rows = []
    for lineage in others:
        checkpoint, _ = split_control(lineage)
        score, gained = scores.estimate(itemgetter((lineage, OVERALL))), scores.estimate(gain(lineage, base))
        phase, synthesizer = phase_of(checkpoint), checkpoint.partition(".")[0]
        row = {"lineage": lineage, "phase": phase}
        row |= {"share": known[lineage]} if lineage in known else _share(audit, synthesizer, phase, scores.confidence)
        row |= {"score": score.value, "low": score.low, "high": score.high}
        row |= {"gain": gained.value, "gain_low": gained.low, "gain_high": gained.high}
        rows.append(row | {"seeds": len(seeds), "items": scores.items[OVERALL]})
    return pd.DataFrame(rows, columns=COLUMNS)


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(COLUMNS[2:], FINITE) | dict.fromkeys(COLUMNS[3:6], SHARE) | {"score": PERCENT}
    numbers |= dict.fromkeys(("labels", "seeds", "items"), COUNT)
    table = read_table(path, needed=COLUMNS, numbers=numbers)
    blank = dict.fromkeys(("labels", "share_low", "share_high"), table["share"].isin([0, 1]))  # which nothing counted
    return keyed(table, path, "lineage", numbers=numbers, values={"phase": MEASURES}, blank=blank)


def _share(audit: pd.DataFrame, synthesizer: str, phase: str, confidence: float) -> dict[str, float]:
    """The share of true labels of one synthesis with its Wilson interval."""
    step, measure = MEASURES[phase]
    found = audit[(audit["lineage"] == synthesizer) & (audit["step"] == step) & (audit["measure"] == measure)]
    labels = int(found["n"].sum())
    if not labels:
        raise ViperError(f"the audit has no row of {synthesizer}, {step}: {measure}: make audit_labels again")
    true = int((found["share"] * found["n"]).round().sum())
    interval = binomtest(true, labels).proportion_ci(confidence, method="wilson")
    return {"labels": labels, "share": true / labels, "share_low": interval.low, "share_high": interval.high}


def claims(scores: Scores, question: AblationLabels, settings: Analysis) -> pd.DataFrame:
    """The claims of the contests that are asked."""
    rows = [
        judged(
            "ablation_labels",
            contest,
            CLAIMS[contest],
            gain(pair.better, pair.worse),
            scores,
            settings,
            sentence=f"{CLAIMS[contest]}: {{measured}}, {{verdict}}.",
        )
        for contest, pair in question.contests.items()
    ]
    return answers.table(rows)

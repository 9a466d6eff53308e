"""The paper's claims, measured here, each with an interval and a verdict.

The rule of the verdict
-----------------------
Every claim is a number of percentage points that is positive if the claim holds, such as "two-stage score minus base
score". With its interval at the confidence level of params.yaml (`viper.analysis.bootstrap`):

- supported:      the whole interval lies above zero;
- not supported:  the whole interval lies below zero, or is zero, so that the data speak against the claim;
- inconclusive:   the interval holds zero and other values: with these items and seeds, at this scale, nobody can tell.

A claim that no experiment of params.yaml has the lineages for is called *not measured*; it keeps its row.

A claim that one thing is *at least as high* as another can never lie above zero if they are equal. For such claims zero
becomes minus `analysis.margin`, as in a test of non-inferiority: "not lower by more than the margin".

The rule looks at nothing else: not at the published figure, nor at the size of the effect. If a claim is false, it is
called supported in at most (1 - confidence) / 2 of all experiments.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Measure, Scores
from viper.analysis.published import MODELS, OVERALL, SUBDOMAINS, published

log = logging.getLogger(__name__)

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"
NOT_MEASURED = "not measured"
TWO_STAGE = "base.csr.vop"
FINE = "fine-grained perception"
COLUMNS = ["claim", "text", "published", "measured", "low", "high", "margin", "verdict"]

Table = Literal["benchmarks", "subdomains", "attention"]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes:
        name: identifier of the row.
        text: the claim in words.
        finding: what the paper says where it gives no number.
        lineages: the checkpoints that it compares; it is measured where all of them were evaluated.
        measure: scores by (lineage, column) → percentage points, positive where the claim holds.
        table: the scores that it is measured on. They are drawn apart from each other: no claim combines two.
        at_least: whether the claim is "at least as high", see the rule of the verdict.
    """

    name: str
    text: str
    finding: str
    lineages: tuple[str, ...]
    measure: Measure
    table: Table = "benchmarks"
    at_least: bool = False


def gain(better: str, worse: str, column: str = OVERALL) -> Measure:
    """Score of one lineage minus that of another, on one column."""
    return lambda scores: scores[better, column] - scores[worse, column]


def lead_of(column: str, others: Sequence[str], better: str, worse: str) -> Measure:
    """Gain on `column` minus the largest gain among those of `others` that were scored."""

    def measure(scores: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
        rivals = [gain(better, worse, other)(scores) for other in others if (better, other) in scores]
        return gain(better, worse, column)(scores) - np.max(rivals, axis=0)

    return measure


CLAIMS = (
    Claim(
        "two_stage_beats_base",
        "The two-stage model beats its base overall",
        "",
        ("base", TWO_STAGE),
        gain(TWO_STAGE, "base"),
    ),
    Claim(
        "two_stage_beats_looking",
        "The two-stage model beats its base made to look closely, without training, overall (our control)",
        "not in the paper",
        ("base+look", TWO_STAGE),
        gain(TWO_STAGE, "base+look"),
    ),
    Claim(
        "first_stage_beats_base",
        "Caption self-refining alone beats the base overall",
        "balanced but modest gains",
        ("base", "base.csr"),
        gain("base.csr", "base"),
    ),
    Claim(
        "fine_grained_gains_most",
        "Of all MMStar sub-domains, fine-grained perception gains most",
        "",
        ("base", TWO_STAGE),
        lead_of(FINE, [name for name in SUBDOMAINS if name != FINE], TWO_STAGE, "base"),
        table="subdomains",
    ),
    Claim(
        "hallucination_falls",
        "The two-stage model hallucinates less (HallusionBench)",
        "",
        ("base", TWO_STAGE),
        gain(TWO_STAGE, "base", "HallusionBench"),
    ),
    Claim(
        "two_stage_beats_csr_only",
        "Two stages beat caption self-refining alone overall",
        "better than either alone",
        ("base.csr", TWO_STAGE),
        gain(TWO_STAGE, "base.csr"),
    ),
    Claim(
        "two_stage_beats_vop_only",
        "Two stages beat visual-operation predicting alone overall",
        "better than either alone",
        ("base.vop", TWO_STAGE),
        gain(TWO_STAGE, "base.vop"),
    ),
    Claim(
        "two_stage_beats_mixed",
        "Two stages beat training on both data sets shuffled together, on MMStar",
        "mixed is clearly worse on the six sub-domains",
        ("base.mix", TWO_STAGE),
        gain(TWO_STAGE, "base.mix", "MMStar"),
    ),
    Claim(
        "no_cold_start_ends_as_high",
        "Without a cold start the model ends at least as high overall",
        "cold start ends slightly lower",
        ("base.cold.csr.vop", TWO_STAGE),
        gain(TWO_STAGE, "base.cold.csr.vop"),
        at_least=True,
    ),
    Claim(
        "sft_gains_less",
        "Supervised fine-tuning on the same data gains less overall",
        "almost no gain by SFT",
        ("base.sft", TWO_STAGE),
        gain(TWO_STAGE, "base.sft"),
    ),
    Claim(
        "attention_concentrates",
        "After two stages, more of the last layer's attention on the pictures lies in the changed region",
        "heat maps, no number",
        ("base", TWO_STAGE),
        gain(TWO_STAGE, "base", "last layer"),
        table="attention",
    ),
    Claim(
        "attention_rollout_concentrates",
        "After two stages, more of the attention on the pictures, rolled out over layers, lies in the changed region",
        "heat maps, no number",
        ("base", TWO_STAGE),
        gain(TWO_STAGE, "base", "rollout"),
        table="attention",
    ),
)


def judge_all(
    tables: Mapping[Table, Scores], lineages: Sequence[str], margin: float, *, all_of_them: bool
) -> pd.DataFrame:
    """Judge the claims whose lineages and scores are there; the columns are COLUMNS, one row a claim.

    Args:
        lineages: those that were scored.
        margin: points, for claims of "at least as high".
        all_of_them: whether the others have a row as well, without numbers: an experiment that was left out of
            params.yaml must not let its claim disappear.
    """
    rows, known = [], published()
    for claim in CLAIMS:
        lacking = [lineage for lineage in claim.lineages if lineage not in lineages]
        lacking += [f"the table of {claim.table}"] * (claim.table not in tables)
        if not lacking:
            rows.append(judge(claim, tables[claim.table], known, margin))
        elif all_of_them:
            log.warning("%s is %s: no experiment of params.yaml has %s", claim.name, NOT_MEASURED, ", ".join(lacking))
            rows.append(_described(claim, known) | {"verdict": NOT_MEASURED})
    return pd.DataFrame(rows, columns=COLUMNS)


def page(claims: pd.DataFrame, scale: str, confidence: float) -> str:
    """The claims as a page in Markdown: the table, and the rule that the verdicts follow."""
    lines = ["| claim | published | measured | interval | verdict |", "|---|---|---|---|---|"]
    for row in claims.itertuples():
        margin = f" (margin {row.margin:g})" if row.margin else ""
        interval, measured = f"[{row.low:+.1f}, {row.high:+.1f}]", f"{row.measured:+.1f}"
        if row.verdict == NOT_MEASURED:
            margin, interval, measured = "", "–", "–"
        lines.append(f"| {row.text} | {row.published} | {measured} | {interval}{margin} | **{row.verdict}** |")
    return (
        f"# Claims of the paper at scale {scale}\n\n"
        + "\n".join(lines)
        + f"\n\nPercentage points, positive where the claim holds, with {confidence:.0%} intervals over items and run "
        "seeds. *Supported*: the whole interval lies above zero (for a claim of at least as high: above −margin). "
        "*Not supported*: it lies below, or is zero. *Inconclusive*: neither. *Not measured*: no experiment of "
        "params.yaml has what it compares. Published figures are the paper's, on the official benchmarks.\n"
    )


def verdict(low: float, high: float) -> str:
    """Apply the rule of the verdict (see the module's docstring) to an interval; the margin is added beforehand."""
    if low > 0:
        return SUPPORTED
    if high < 0 or low == high == 0:
        return NOT_SUPPORTED
    return INCONCLUSIVE


def judge(claim: Claim, scores: Scores, known: pd.DataFrame, margin: float) -> dict[str, object]:
    """Return the row of claims.csv: COLUMNS, in points."""
    value, low, high = scores.estimate(claim.measure)
    margin = margin if claim.at_least else 0.0
    return _described(claim, known) | {
        "measured": value,
        "low": low,
        "high": high,
        "margin": margin,
        "verdict": verdict(low + margin, high + margin),
    }


def _described(claim: Claim, known: pd.DataFrame) -> dict[str, object]:
    """What a row says of its claim, whatever was measured."""
    return {"claim": claim.name, "text": claim.text, "published": published_effect(claim, known)}


def published_effect(claim: Claim, known: pd.DataFrame) -> str:
    """The same measure on the published figures, such as "+1.7 (3B), +1.6 (7B)", or the finding in words."""
    effects = []
    for model in MODELS:
        rows = known[known["model"] == model]
        scores = {(row.lineage, row.column): np.float64(row.score) for row in rows.itertuples()}
        try:
            effects.append(f"{claim.measure(scores):+.1f} ({model})")
        except KeyError:
            continue  # the paper does not give this model's figures for this claim
    return ", ".join(effects) or claim.finding

"""The paper's claims, measured here, each with an interval and a verdict.

The rule of the verdict
-----------------------
Every claim is a number of percentage points that is positive if the claim holds, such as "two-stage score minus base
score". With its interval at the confidence level of params.yaml (`viper.analysis.bootstrap`):

- supported:      the whole interval lies above zero;
- not supported:  the whole interval lies below zero, or is zero, so that the data speak against the claim;
- inconclusive:   the interval holds zero and other values: with these items and seeds, at this scale, nobody can tell.

The rule looks at nothing else: not at the published figure, nor at the size of the effect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Scores
from viper.analysis.published import MODELS, OVERALL, SUBDOMAINS

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"
TWO_STAGE = "base.csr.vop"
FINE = "fine-grained perception"

Measure = Callable[[Mapping[tuple[str, str], np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes:
        name: identifier of the row.
        text: the claim in words.
        finding: what the paper says where it gives no number.
        lineages: the checkpoints that it compares; it is measured where all of them were evaluated.
        measure: scores by (lineage, column) → percentage points, positive where the claim holds.
        on_subdomains: whether it is measured on MMStar's sub-domains instead of the benchmarks.
    """

    name: str
    text: str
    finding: str
    lineages: tuple[str, ...]
    measure: Measure
    on_subdomains: bool = False


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
        on_subdomains=True,
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
        "no_cold_start_ends_higher",
        "Without a cold start the model ends higher overall",
        "cold start ends slightly lower",
        ("base.cold.csr.vop", TWO_STAGE),
        gain(TWO_STAGE, "base.cold.csr.vop"),
    ),
    Claim(
        "sft_gains_less",
        "Supervised fine-tuning on the same data gains less overall",
        "almost no gain by SFT",
        ("base.sft", TWO_STAGE),
        gain(TWO_STAGE, "base.sft"),
    ),
)


def verdict(low: float, high: float) -> str:
    """Apply the rule of the verdict (see the module's docstring) to an interval."""
    if low > 0:
        return SUPPORTED
    if high < 0 or low == high == 0:
        return NOT_SUPPORTED
    return INCONCLUSIVE


def judge(claim: Claim, scores: Scores, published: pd.DataFrame) -> dict[str, object]:
    """Return the row of claims.csv: claim, text, published, measured, low, high, verdict (points)."""
    low, high = scores.interval(claim.measure(scores.draws))
    return {
        "claim": claim.name,
        "text": claim.text,
        "published": published_effect(claim, published),
        "measured": float(claim.measure(scores.point)),
        "low": low,
        "high": high,
        "verdict": verdict(low, high),
    }


def published_effect(claim: Claim, published: pd.DataFrame) -> str:
    """The same measure on the published figures, such as "+1.7 (3B), +1.6 (7B)", or the finding in words."""
    effects = []
    for model in MODELS:
        rows = published[published["model"] == model]
        scores = {(row.lineage, row.column): np.float64(row.score) for row in rows.itertuples()}
        try:
            effects.append(f"{claim.measure(scores):+.1f} ({model})")
        except KeyError:
            continue  # the paper does not give this model's figures for this claim
    return ", ".join(effects) or claim.finding

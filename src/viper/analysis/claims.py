"""What the paper claims, and what we claim about it: of each claim, what is compared and measured.

A claim says that one lineage does better than another, in percentage points that are positive if it holds. Whether it
does is decided in `viper.analysis.verdicts`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from viper.analysis.bootstrap import Measure
from viper.analysis.published import BENCHMARKS, OVERALL, SUBDOMAINS

TWO_STAGE = "base.csr.vop"
FINE = "fine-grained perception"
LOOK = "+look"  # the control that makes a checkpoint look closely before every answer
PRIMARY = "two_stage_beats_base_both_looking"

# "guessed": the benchmarks once more, where an answer that names no option is worth a guess among them
Table = Literal["benchmarks", "guessed", "subdomains", "attention"]
Kind = Literal["better", "as good", "better or equal"]
Scored = Collection[tuple[str, str]]  # (lineage, column) that there are scores of


def gain(better: str, worse: str, column: str = OVERALL) -> Measure:
    """Score of one lineage minus that of another, on one column."""
    return lambda scores: scores[better, column] - scores[worse, column]


def one_gain(claim: "Claim", scored: Scored) -> dict[str, Measure]:
    """The gain on the claim's own column: a claim of one part, without a name."""
    return {"": claim.gain(claim.column)}


@dataclass(frozen=True)
class Claim:
    """One claim: that one lineage does better than another.

    Attributes:
        name: identifier of the row.
        text: the claim in words.
        better, worse: the lineages that it compares; it is measured where both were evaluated.
        finding: what the paper says where it gives no number.
        column: what they are compared on.
        table: the scores that it is measured on. They are drawn apart from each other: no claim combines two.
        parts: what is measured, by name: points that are positive where the claim holds; empty where it cannot be.
        needed: whether all parts must be positive for the claim to hold, or more than half of them.
        kind: see the rule of the verdict (`viper.analysis.verdicts`).
    """

    name: str
    text: str
    better: str
    worse: str
    finding: str = "not in the paper"
    column: str = OVERALL
    table: Table = "benchmarks"
    parts: Callable[["Claim", Scored], dict[str, Measure]] = one_gain
    needed: Literal["all", "most"] = "all"
    kind: Kind = "better"

    def gain(self, column: str) -> Measure:
        """Points by which the better lineage is ahead on a column."""
        return gain(self.better, self.worse, column)

    def among(self, columns: Collection[str], scored: Scored) -> list[str]:
        """Those of `columns` that both lineages have scores of."""
        return [name for name in columns if (self.better, name) in scored and (self.worse, name) in scored]

    def can_be_measured(self, scored: Scored) -> bool:
        """Whether there are the scores that it needs."""
        return bool(self.among([self.column], scored)) and bool(self.parts(self, scored))

    def count_needed(self, n_parts: int) -> int:
        """How many of that many parts must be positive."""
        return n_parts if self.needed == "all" else n_parts // 2 + 1


# --- claims of several parts


def leads(claim: Claim, scored: Scored) -> dict[str, Measure]:
    """The gain on the claim's sub-domain minus that on each other one."""
    rivals = [name for name in claim.among(SUBDOMAINS, scored) if name != claim.column]
    return {f"against {name}": _difference(claim.gain(claim.column), claim.gain(name)) for name in rivals}


def _difference(first: Measure, second: Measure) -> Measure:
    return lambda scores: first(scores) - second(scores)


def each_benchmark(claim: Claim, scored: Scored) -> dict[str, Measure]:
    """The gain on every benchmark."""
    return {name: claim.gain(name) for name in claim.among(BENCHMARKS, scored)}


def without_each_benchmark(claim: Claim, scored: Scored) -> dict[str, Measure]:
    """The overall gain, without each benchmark in turn."""
    gains = each_benchmark(claim, scored)
    kept = {name: [other for other in gains if other != name] for name in gains}
    return {f"without {name}": _mean([gains[other] for other in others]) for name, others in kept.items() if others}


def _mean(measures: list[Measure]) -> Measure:
    return lambda scores: np.mean([measure(scores) for measure in measures], axis=0)


# --- the claims


def asked_both_ways(claim: Claim) -> tuple[Claim, Claim]:
    """A claim with both lineages made to look closely before every answer, and as they answer by themselves.

    The second is what the paper compares. In it, a model that has merely learned to look may beat one that could have
    been told to; the first compares like with like.
    """
    looking = replace(
        claim,
        name=f"{claim.name}_both_looking",
        text=f"{claim.text}, both made to look closely",
        better=claim.better + LOOK,
        worse=claim.worse + LOOK,
        finding="not in the paper",
    )
    return looking, claim


CLAIMS = (
    *asked_both_ways(Claim("two_stage_beats_base", "The two-stage model beats its base overall", TWO_STAGE, "base")),
    Claim(
        "two_stage_beats_looking",
        "The two-stage model beats its base made to look closely, without training, overall (our control)",
        TWO_STAGE,
        f"base{LOOK}",
    ),
    Claim(
        "two_stage_beats_base_guessing",
        "The two-stage model beats its base overall, both made to look closely, where an answer that names no option "
        "is worth a guess",
        TWO_STAGE + LOOK,
        f"base{LOOK}",
        table="guessed",
    ),
    *asked_both_ways(
        Claim(
            "gain_without_any_benchmark",
            "Whichever benchmark is left out, the two-stage model beats its base overall",
            TWO_STAGE,
            "base",
            parts=without_each_benchmark,
        )
    ),
    *asked_both_ways(
        Claim(
            "most_benchmarks_gain",
            "The two-stage model beats its base on more than half of the benchmarks",
            TWO_STAGE,
            "base",
            parts=each_benchmark,
            needed="most",
        )
    ),
    *asked_both_ways(
        Claim(
            "first_stage_beats_base",
            "Caption self-refining alone beats the base overall",
            "base.csr",
            "base",
            "balanced but modest gains",
        )
    ),
    *asked_both_ways(
        Claim(
            "vop_only_gains_fine_grained",
            "Visual-operation predicting alone beats the base on fine-grained perception",
            "base.vop",
            "base",
            "sharper gains in fine-grained perception",
            column=FINE,
            table="subdomains",
        )
    ),
    *asked_both_ways(
        Claim(
            "fine_grained_gains_most",
            "Of all MMStar sub-domains, fine-grained perception gains most",
            TWO_STAGE,
            "base",
            column=FINE,
            table="subdomains",
            parts=leads,
        )
    ),
    *asked_both_ways(
        Claim(
            "hallucination_falls",
            "The two-stage model hallucinates less, on HallusionBench",
            TWO_STAGE,
            "base",
            column="HallusionBench",
        )
    ),
    *asked_both_ways(
        Claim(
            "two_stage_beats_csr_only",
            "Two stages beat caption self-refining alone overall",
            TWO_STAGE,
            "base.csr",
            "better than either alone",
            kind="better or equal",
        )
    ),
    *asked_both_ways(
        Claim(
            "two_stage_beats_vop_only",
            "Two stages beat visual-operation predicting alone overall",
            TWO_STAGE,
            "base.vop",
            "better than either alone",
            kind="better or equal",
        )
    ),
    *asked_both_ways(
        Claim(
            "two_stage_beats_mixed",
            "Two stages beat training on both data sets shuffled together, on MMStar",
            TWO_STAGE,
            "base.mix",
            "mixed is clearly worse on the six sub-domains",
            column="MMStar",
            kind="better or equal",
        )
    ),
    *asked_both_ways(
        Claim(
            "two_stage_beats_mixed_overall",
            "Two stages beat training on both data sets shuffled together, overall",
            TWO_STAGE,
            "base.mix",
            kind="better or equal",
        )
    ),
    Claim(
        "two_stage_beats_mixed_without_any_benchmark",
        "Whichever benchmark is left out, two stages beat training on both data sets shuffled together, both made to "
        "look closely",
        TWO_STAGE + LOOK,
        f"base.mix{LOOK}",
        parts=without_each_benchmark,
    ),
    *asked_both_ways(
        Claim(
            "no_cold_start_ends_as_high",
            "Without a cold start the model ends at least as high overall",
            TWO_STAGE,
            "base.cold.csr.vop",
            "cold start ends slightly lower",
            kind="as good",
        )
    ),
    *asked_both_ways(
        Claim(
            "sft_gains_less",
            "Supervised fine-tuning on the same data gains less overall",
            TWO_STAGE,
            "base.sft",
            "almost no gain by SFT",
        )
    ),
    Claim(
        "attention_concentrates",
        "After two stages, more of the last layer's attention on the pictures lies in the changed region",
        TWO_STAGE,
        "base",
        "heat maps, no number",
        column="last layer",
        table="attention",
    ),
    Claim(
        "attention_rollout_concentrates",
        "After two stages, more of the attention on the pictures, rolled out over layers, lies in the changed region",
        TWO_STAGE,
        "base",
        "heat maps, no number",
        column="rollout",
        table="attention",
    ),
)

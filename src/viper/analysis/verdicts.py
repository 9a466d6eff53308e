"""The claims of `viper.analysis.claims`, measured, each with an interval and a verdict.

The rule of the verdict
-----------------------
Every claim is a number of percentage points that is positive if the claim holds, such as "two-stage score minus base
score". With its interval at the confidence level of params.yaml (`viper.analysis.bootstrap`):

- supported:      the whole interval lies above zero;
- not supported:  the whole interval lies below zero, or is zero, so that the data speak against the claim;
- inconclusive:   the interval holds zero and other values: with these items and seeds, at this scale, nobody can tell.

A claim that no experiment of params.yaml has the lineages for is called *not measured*; it keeps its row. So is one
whose interval has no ends: what is no number says nothing, and so not that nobody can tell.

Three kinds of claims see zero differently, by `analysis.margin`, the points that count as no difference:

- *better*: as above, without a margin.
- *as good*: "at least as high" can never lie above zero if two things are equal. Zero becomes minus the margin, as in
  a test of non-inferiority: "not lower by more than the margin".
- *better or equal*: of two ways of training that may well come to the same. What would be inconclusive is *equal* where
  the whole interval lies between minus the margin and the margin: two one-sided tests of equivalence (TOST).

A claim about several numbers ("whichever benchmark is left out", "on most benchmarks") is about the k-th largest of
its n parts; see `kth_largest`.

The rule looks at nothing else: not at the published figure, nor at the size of the effect. If a claim is false, it is
called supported in at most (1 - confidence) / 2 of all experiments. That holds for each claim by itself, not for all of
them together: the page says how many there are, and which one is primary.
"""

import logging
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from viper.analysis.bootstrap import Estimate, Scores, Spread
from viper.analysis.claims import CLAIMS, PRIMARY, Claim, Kind, Table
from viper.analysis.published import MODELS, published
from viper.config.analysis import Analysis

log = logging.getLogger(__name__)

SUPPORTED, EQUAL, NOT_SUPPORTED, INCONCLUSIVE = "supported", "equal", "not supported", "inconclusive"
NOT_MEASURED = "not measured"
VERDICTS = (SUPPORTED, EQUAL, NOT_SUPPORTED, INCONCLUSIVE, NOT_MEASURED)

COLUMNS = ["claim", "text", "published", "measured", "low", "high", "margin", "verdict"]
COLUMNS += ["primary", "decided_by", "parts", "seeds", "items", "seed_spread", "item_error", "design", "reachable"]


def judge_all(
    tables: Mapping[Table, Scores], lineages: Collection[str], options: Analysis, *, all_of_them: bool
) -> pd.DataFrame:
    """Judge the claims whose lineages and scores are there; the columns are COLUMNS, one row per claim.

    Args:
        lineages: those that were scored.
        all_of_them: whether the others have a row as well, without numbers: an experiment that was left out of
            params.yaml must not let its claim disappear.
    """
    rows, known = [], published()
    for claim in CLAIMS:
        lacking = [lineage for lineage in (claim.worse, claim.better) if lineage not in lineages]
        if claim.table not in tables:
            lacking.append(f"the table of {claim.table}")
        elif not lacking and not claim.can_be_measured(tables[claim.table].point):
            lacking.append(f"the scores that it needs besides {claim.column}")
        if not lacking:
            rows.append(judge(claim, tables[claim.table], known, options))
        elif all_of_them:
            log.warning("%s is %s: no experiment of params.yaml has %s", claim.name, NOT_MEASURED, ", ".join(lacking))
            rows.append(_described(claim, known) | {"verdict": NOT_MEASURED})
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seeds": "Int64", "items": "Int64"})


def judge(claim: Claim, scores: Scores, known: pd.DataFrame, options: Analysis) -> dict[str, object]:
    """Return the row of claims.csv: COLUMNS; measured, low, high, margin and what follows `items` in points.

    `decided_by` is the part that is the k-th largest. `reachable` is how far below the measured value the interval of
    this design ends, if the seeds differ by `analysis.seed_spread`, or by more where they were measured to (those
    of a single benchmark are): an effect must be larger to be found.
    """
    parts = claim.parts(claim, scores.point)
    k = claim.count_needed(len(parts))
    tails = tails_of_parts(scores.tail, len(parts), k)
    estimates = {name: scores.estimate(measure, tails) for name, measure in parts.items()}
    value, low, high = kth_largest(list(estimates.values()), k)
    decisive = next(name for name, estimate in estimates.items() if estimate.value == value)
    spread, items = scores.spread(parts[decisive]), scores.items[claim.column]
    margin = 0.0 if claim.kind == "better" else options.margin
    assumed = spread._replace(of_seeds=float(np.fmax(options.seed_spread, spread.of_seeds)))
    return _described(claim, known) | {
        "measured": value,
        "low": low,
        "high": high,
        "margin": margin,
        "verdict": verdict(low, high, margin, claim.kind),
        "decided_by": decisive,
        "parts": "; ".join(f"{name} {_shown(estimate)}" for name, estimate in estimates.items() if name),
        "seeds": spread.n_seeds,
        "items": items,
        "seed_spread": spread.of_seeds,
        "item_error": spread.of_items,
        "design": _design(assumed, items),
        "reachable": assumed.half_width(tails[0]),
    }


def tails_of_parts(tail: float, n: int, k: int) -> tuple[float, float]:
    """What the intervals of n parts must leave below and above, for that of their k-th largest to leave `tail`.

    That k of n true values are positive is the same as that the k-th largest is (a partial conjunction; Benjamini and
    Heller, Biometrics 2008). If it is not positive, n - k + 1 true values are not, and one of these at least must be
    taken for positive before k of them are: each may be so in a share of tail / (n - k + 1) of all experiments. Above,
    it is tail / k for the same reason. With k = n ("all of them", an intersection-union test) lower ends need no
    correction; with n = 1, neither do.
    """
    return tail / (n - k + 1), tail / k


def kth_largest(estimates: Collection[Estimate], k: int) -> Estimate:
    """The k-th largest of n values, each with an interval: the k-th largest of values, of lower and of upper ends.

    The ends must be those of intervals with `tails_of_parts`.
    """
    return Estimate(*(sorted(ends, reverse=True)[k - 1] for ends in zip(*estimates, strict=True)))


def verdict(low: float, high: float, margin: float = 0.0, kind: Kind = "better") -> str:
    """Apply the rule of the verdict (see the module's docstring) to an interval."""
    if not np.isfinite([low, high]).all():
        return NOT_MEASURED
    if kind == "as good":
        low, high = low + margin, high + margin
    if low > 0:
        return SUPPORTED
    if high < 0:
        return NOT_SUPPORTED
    if kind == "better or equal" and -margin < low and high < margin:
        return EQUAL
    return NOT_SUPPORTED if low == high == 0 else INCONCLUSIVE


def _described(claim: Claim, known: pd.DataFrame) -> dict[str, object]:
    """What a row says of its claim, whatever was measured."""
    return {
        "claim": claim.name,
        "text": claim.text,
        "published": published_effect(claim, known),
        "primary": "yes" if claim.name == PRIMARY else "",
    }


def _design(assumed: Spread, items: int) -> str:
    if assumed.n_seeds == 1:
        return f"1 seed, {items} items: over items only"
    return f"{assumed.n_seeds} seeds that differ by {assumed.of_seeds:.2g}, {items} items"


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


def published_effect(claim: Claim, known: pd.DataFrame) -> str:
    """The same measure on the published figures, such as "+1.7 (3B), +1.6 (7B)", or the finding in words."""
    effects = []
    for model in MODELS:
        rows = known[known["model"] == model]
        scores = {(row.lineage, row.column): np.float64(row.score) for row in rows.itertuples()}
        if claim.can_be_measured(scores):  # else the paper does not give this model's figures for this claim
            values = [float(measure(scores)) for measure in claim.parts(claim, scores).values()]
            effects.append(f"{sorted(values, reverse=True)[claim.count_needed(len(values)) - 1]:+.1f} ({model})")
    return ", ".join(effects) or claim.finding

"""Claims about scores of benchmarks: measured with their interval, and what the design could have found."""

import numpy as np

from viper.analysis.bootstrap import Estimate, Measure, Scores
from viper.analysis.claims import Kind
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.questions.answers import answer


def judged(
    question: str,
    claim: str,
    text: str,
    measure: Measure,
    scores: Scores,
    settings: Analysis,
    *,
    kind: Kind = "better",
    sentence: str,
) -> dict[str, object]:
    """One row of a question's claims: `measure` of the scores in points, positive where the claim holds.

    The margin of claims of kind 'as good' and 'better or equal' is `analysis.margin`. `reachable` takes the seeds to
    differ by `analysis.seed_spread`, or by more where they were measured to.

    Args:
        sentence: what was found; `{measured}` in it becomes the value with its interval, `{verdict}` the verdict.
    """
    estimate, spread = scores.estimate(measure), scores.spread(measure)
    assumed = spread._replace(of_seeds=float(np.fmax(settings.seed_spread, spread.of_seeds)))
    return answer(
        question,
        claim,
        text,
        estimate,
        unit="points",
        seeds=spread.n_seeds,
        items=scores.items[OVERALL],
        reachable=assumed.half_width(scores.tail),
        kind=kind,
        margin=0.0 if kind == "better" else settings.margin,
        sentence=sentence.replace("{measured}", shown(estimate)),
    )


def shown(estimate: Estimate) -> str:
    """A difference in points with its interval, as sentences have it."""
    value, low, high = (signed(each) for each in estimate)
    return f"{value} points [{low}, {high}]"


def signed(value: float, decimals: int = 1) -> str:
    """A number with its sign, to so many decimals; to up to three more where these would make it zero.

    On which side of zero an interval ends decides a verdict: -0.05 is told so, not as -0.0.
    """
    told = next((more for more in range(decimals, decimals + 4) if round(float(value), more)), decimals)
    return f"{round(float(value), told) + 0.0:+.{told}f}"  # + 0.0: what is still zero has no sign of its own

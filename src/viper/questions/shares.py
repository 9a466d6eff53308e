"""Shares of sentences, several to a picture: their intervals, and by how much one is larger than another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from viper.analysis.bootstrap import Estimate, Spread
from viper.questions import answers

_MANY, _SOME = 30, 5  # sentences, and hits and misses among them, from which on the spread of units is trusted


def wilson(hits: int, of: int, confidence: float) -> tuple[float, float, float]:
    """A share of 0..1 and its Wilson interval; three NaN of nothing."""
    if not of:
        return (float("nan"),) * 3
    interval = stats.binomtest(hits, of).proportion_ci(confidence, method="wilson")
    return hits / of, interval.low, interval.high


def variance_of_share(hits: float, of: float) -> float:
    """The variance of a share of 0..1, after Agresti and Coull: that all of a few are hits says little, so never 0."""
    expected = (hits + 2) / (of + 4)
    return expected * (1 - expected) / of


def contrast(after: pd.DataFrame, before: pd.DataFrame | None = None) -> tuple[float, float]:
    """A share, or by how much it is larger than another one of the same units, and its standard error over units.

    The units, pairs or captions, hold several sentences each: shares are ratios of sums, and the error is that of the
    ratio estimator, paired where there are two. Of few sentences, or where nearly all or none are hits, that is too
    small: there the error is at least that of independent sentences.

    Args:
        after, before: by unit, columns hits and size, and permuted (the hits that chance would give) or none.

    Returns:
        Two numbers of points; NaN where there are no sentences.
    """
    signed = [(1, after), *([] if before is None else [(-1, before)])]
    units = sorted(set().union(*(table.index for _, table in signed)))
    value, influence, least = 0.0, np.zeros(len(units)), 0.0
    for sign, table in signed:
        columns = table.reindex(units, fill_value=0).to_numpy(float).T
        hits, size, chance = columns if len(columns) == 3 else (*columns, None)
        of = size.sum()
        if not of:
            return float("nan"), float("nan")
        told = hits if chance is None else hits - chance
        share = told.sum() / of
        value += sign * share
        influence += sign * (told - share * size) / of
        if of < _MANY or not _SOME <= hits.sum() <= of - _SOME:
            least += variance_of_share(hits.sum(), of)
    n = len(units)
    variance = n / (n - 1) * (influence**2).sum() if n > 1 else 0.0
    return 100 * float(value), 100 * float(np.sqrt(max(variance, least)))


def known_over_seeds(values: Sequence[float], errors: Sequence[float], confidence: float) -> tuple[Estimate, Spread]:
    """`answers.over_seeds`; where a seed has no value (nothing was said of which there could be a share): NaN."""
    if np.isnan(np.asarray(values, float)).any():
        nan = float("nan")
        return Estimate(nan, nan, nan), Spread(len(values), nan, nan)
    return answers.over_seeds(list(values), list(errors), confidence)

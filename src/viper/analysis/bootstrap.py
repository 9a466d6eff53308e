"""Scores with paired-bootstrap intervals, over items and, where there are several, over seeds.

All lineages answer the same items, so one draw of items is used for all of them: what they share (an easy draw) drops
out of their difference. With several seeds, seeds are drawn first and items within them (hierarchical); the items
are the same for every seed, so one draw of items serves all drawn seeds. The base is the same for every seed: its rows
repeat, so it adds no variance of seeds. The resampling itself is `scipy.stats.bootstrap`.

With one seed the interval is the percentile interval of the draws. With a handful it cannot be: three drawn seeds
are all the lowest one in one draw of 27, so a percentile interval ends at the lowest of three seeds, and three seeds of
a worthless method agree on a gain in one case of eight. Their spread is therefore taken as what it is, an estimate from
few values: see `Scores.estimate`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from viper.analysis.published import OVERALL
from viper.errors import ViperError


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as sums over units that are drawn whole: score = mean over components of Σ numerator / Σ denominator.

    For accuracy, a unit is an item and there is one component. For HallusionBench, a unit is a set of figures and
    their questions (drawing single questions would take figures apart) and the components are aAcc, fAcc and qAcc.

    Attributes:
        name: the benchmark's, or sub-domain's, name.
        numerators: (lineages, seeds, components, units).
        denominators: (components, units).
        items: number of questions.
    """

    name: str
    numerators: np.ndarray
    denominators: np.ndarray
    items: int


def accuracy(name: str, hits: np.ndarray) -> Benchmark:
    """Share of right answers; `hits` is (lineages, seeds, items) of 0 or 1."""
    return Benchmark(name, hits[:, :, None, :], np.ones((1, hits.shape[2])), hits.shape[2])


def hallusion(name: str, items: pd.DataFrame, hits: np.ndarray) -> Benchmark:
    """Mean of aAcc (answers), fAcc (figures with all answers right) and qAcc (questions right on all their figures).

    The grouping is VLMEvalKit's `Hallusion_rating`: an index ends in `_<set>_<figure>_<question>`, and groups never
    cross the borders of l2-category. `hits` is (lineages, seeds, items).

    Raises:
        ViperError: an index has another form.
    """
    parts = items["index"].str.rsplit("_", n=3, expand=True)
    if parts.shape[1] != 4 or parts.isna().any(axis=None):
        raise ViperError(f"{name}: an index must end in _<set>_<figure>_<question>, found {items['index'].iloc[0]!r}")
    category = items["l2-category"] if "l2-category" in items else parts[0]
    unit = category.astype(str) + "/" + parts[1]
    unit_names, unit_ids = np.unique(unit, return_inverse=True)
    numerators, denominators = [], []
    for group in (items["index"], unit + "/" + parts[2], unit + "/" + parts[3]):
        group_names, group_ids = np.unique(group, return_inverse=True)
        owner = np.zeros(len(group_names), dtype=int)  # the unit that each group belongs to
        owner[group_ids] = unit_ids
        member = np.eye(len(unit_names))[owner]  # (groups, units)
        all_right = np.ones((*hits.shape[:2], len(group_names)))
        np.minimum.at(all_right, (slice(None), slice(None), group_ids), hits)
        numerators.append(all_right @ member)
        denominators.append(member.sum(axis=0))
    return Benchmark(name, np.stack(numerators, axis=2), np.stack(denominators), len(items))


# Scores by (lineage, column) → any combination of them, element by element.
Measure = Callable[[Mapping[tuple[str, str], np.ndarray]], np.ndarray]


class Estimate(NamedTuple):
    """A number and its interval."""

    value: float
    low: float
    high: float


class Spread(NamedTuple):
    """What makes a value uncertain, in points.

    Attributes:
        n_seeds: how many seeds it is the mean of.
        of_seeds: standard deviation of one seed's value; NaN with a single seed, which says nothing of it.
        of_items: standard error of the value that is due to the drawn items.
    """

    n_seeds: int
    of_seeds: float
    of_items: float

    def half_width(self, tail: float) -> float:
        """How far an interval that leaves `tail` beyond this end reaches: each part's own, added in squares.

        t · s/√k with Student's t of k - 1 degrees of freedom for k seeds of standard deviation s, and z · e for items
        of standard error e (Graybill and Wang's modified large-sample interval). A single seed has the latter alone.
        """
        items = stats.norm.ppf(1 - tail) * self.of_items
        if self.n_seeds == 1:
            return float(items)
        return float(np.hypot(stats.t.ppf(1 - tail, self.n_seeds - 1) * self.of_seeds / np.sqrt(self.n_seeds), items))


@dataclass(frozen=True)
class Scores:
    """Percentages by (lineage, column), a column being a benchmark, a sub-domain or `overall`.

    Attributes:
        point: (lineage, column) → the score, the mean over seeds.
        by_seed: (lineage, column) → (seeds,) the score of each seed.
        draws: (lineage, column) → (resamples,) the score in each resample; the same draw for every lineage.
        items: column → number of items.
        confidence: level of the intervals.
    """

    point: Mapping[tuple[str, str], np.ndarray]
    by_seed: Mapping[tuple[str, str], np.ndarray]
    draws: Mapping[tuple[str, str], np.ndarray]
    items: Mapping[str, int]
    confidence: float

    @property
    def tail(self) -> float:
        """The probability that an interval leaves beyond each of its ends."""
        return (1 - self.confidence) / 2

    def spread(self, measure: Measure) -> Spread:
        """What makes the value of `measure` uncertain.

        With k seeds, whose values have the standard deviation s, the variance of the hierarchical draws falls into
        two parts: that of the drawn seeds, (k - 1)/k · s²/k, and the rest, that of the items.
        """
        seeds, variance = measure(self.by_seed), measure(self.draws).var(ddof=1)
        k = len(seeds)
        if k == 1:
            return Spread(1, float("nan"), float(np.sqrt(variance)))
        of_seeds = seeds.var(ddof=1)
        of_items = max(variance - (k - 1) / k * of_seeds / k, 0.0)
        return Spread(k, float(np.sqrt(of_seeds)), float(np.sqrt(of_items)))

    def estimate(self, measure: Measure, tails: tuple[float, float] | None = None) -> Estimate:
        """The value of `measure` and its interval.

        With one seed: the percentile interval of the draws, which is one over items only. With several, the spread of
        the seeds and that of the items get the half-width that each would have alone, and the squares are added
        (`Spread.half_width`). Where the seeds agree, this is the items' bootstrap interval; where they decide alone,
        Student's.

        Args:
            tails: the probabilities to leave below and above the interval, where they are not those of `confidence`.
        """
        below, above = tails or (self.tail, self.tail)
        value, spread = float(measure(self.point)), self.spread(measure)
        if spread.n_seeds == 1:
            low, high = np.quantile(measure(self.draws), [below, 1 - above])
            return Estimate(value, float(low), float(high))
        return Estimate(value, value - spread.half_width(below), value + spread.half_width(above))


def resample(
    benchmarks: Sequence[Benchmark],
    lineages: Sequence[str],
    *,
    resamples: int,
    confidence: float,
    seed: int,
    mean: str = OVERALL,
) -> Scores:
    """Score every lineage on every benchmark and on their plain mean, called `mean`, in the data and in each resample.

    Raises:
        ViperError: a benchmark has fewer than two units to draw from.
    """
    for benchmark in benchmarks:
        if benchmark.denominators.shape[1] < 2:
            raise ViperError(f"{benchmark.name}: an interval needs at least two items: ask for a larger benchmark")
    n_seeds = benchmarks[0].numerators.shape[1]
    samples = [np.arange(benchmark.denominators.shape[1]) for benchmark in benchmarks]
    if n_seeds > 1:
        samples.append(np.arange(n_seeds))

    def statistic(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        """Indices drawn, (resamples, units) each, or (units,) for the data → (lineages, benchmarks, resamples)."""
        seeds = _counts(drawn[-1], n_seeds) / n_seeds if n_seeds > 1 else np.ones((_n_draws(drawn[0]), 1))
        scores = [
            np.einsum("lkr,rk->lr", _seed_scores(benchmark, indices), seeds)
            for benchmark, indices in zip(benchmarks, drawn, strict=False)
        ]
        result = np.stack(scores, axis=1)
        return result if drawn[0].ndim > 1 else result[..., 0]

    outcome = stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        batch=500,
        vectorized=True,
        axis=-1,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    by_seed = np.stack([_seed_scores(*pair)[..., 0] for pair in zip(benchmarks, samples, strict=False)], axis=1)
    named = [
        _by_name(values, lineages, benchmarks, mean)
        for values in (statistic(*samples), by_seed, outcome.bootstrap_distribution)
    ]
    items = {benchmark.name: benchmark.items for benchmark in benchmarks}
    return Scores(*named, items | {mean: sum(items.values())}, confidence)


def _seed_scores(benchmark: Benchmark, indices: np.ndarray) -> np.ndarray:
    """Score in percent of every seed on the drawn units, (lineages, seeds, resamples)."""
    weights = _counts(indices, benchmark.denominators.shape[1])
    right = benchmark.numerators @ weights.T  # (lineages, seeds, components, resamples)
    parts = right / (benchmark.denominators @ weights.T)
    return 100 * parts.mean(axis=2)


def _counts(indices: np.ndarray, size: int) -> np.ndarray:
    """How often each of `size` units was drawn: (resamples, draws) of indices → (resamples, size)."""
    indices = np.atleast_2d(indices)
    flat = indices + size * np.arange(len(indices))[:, None]
    return np.bincount(flat.ravel(), minlength=size * len(indices)).reshape(len(indices), size).astype(float)


def _n_draws(indices: np.ndarray) -> int:
    return len(np.atleast_2d(indices))


def _by_name(
    values: np.ndarray, lineages: Sequence[str], benchmarks: Sequence[Benchmark], mean: str
) -> dict[tuple[str, str], np.ndarray]:
    named = {
        (lineage, benchmark.name): values[i, j]
        for i, lineage in enumerate(lineages)
        for j, benchmark in enumerate(benchmarks)
    }
    return named | {(lineage, mean): values[i].mean(axis=0) for i, lineage in enumerate(lineages)}

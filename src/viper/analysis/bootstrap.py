"""Scores with paired-bootstrap intervals, over items and, where there are several, over run seeds.

All lineages answer the same items, so one draw of items is used for all of them: what they share (an easy draw) drops
out of their difference. With several run seeds, seeds are drawn first and items within them (hierarchical); the items
are the same for every seed, so one draw of items serves all drawn seeds.
The resampling itself is `scipy.stats.bootstrap` with the percentile interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Scores:
    """Percentages by (lineage, column), a column being a benchmark, a sub-domain or `overall`.

    Attributes:
        point: (lineage, column) → the score.
        draws: (lineage, column) → (resamples,) the score in each resample; the same draw for every lineage.
        confidence: level of the intervals.
    """

    point: Mapping[tuple[str, str], np.ndarray]
    draws: Mapping[tuple[str, str], np.ndarray]
    confidence: float

    def interval(self, draws: np.ndarray) -> tuple[float, float]:
        """Percentile interval of any combination of `draws`."""
        tail = 50 * (1 - self.confidence)
        low, high = np.percentile(draws, [tail, 100 - tail])
        return float(low), float(high)


def resample(
    benchmarks: Sequence[Benchmark],
    lineages: Sequence[str],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Scores:
    """Score every lineage on every benchmark and on their plain mean, `overall`, in the data and in each resample.

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
        scores = [_score(benchmark, indices, seeds) for benchmark, indices in zip(benchmarks, drawn, strict=False)]
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
    point, draws = statistic(*samples), outcome.bootstrap_distribution
    return Scores(_by_name(point, lineages, benchmarks), _by_name(draws, lineages, benchmarks), confidence)


def _score(benchmark: Benchmark, indices: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Score in percent, (lineages, resamples), with `seeds` (resamples, seeds) the weights of the seeds."""
    weights = _counts(indices, benchmark.denominators.shape[1])
    right = benchmark.numerators @ weights.T  # (lineages, seeds, components, resamples)
    parts = right / (benchmark.denominators @ weights.T)
    return 100 * np.einsum("lkr,rk->lr", parts.mean(axis=2), seeds)


def _counts(indices: np.ndarray, size: int) -> np.ndarray:
    """How often each of `size` units was drawn: (resamples, draws) of indices → (resamples, size)."""
    indices = np.atleast_2d(indices)
    flat = indices + size * np.arange(len(indices))[:, None]
    return np.bincount(flat.ravel(), minlength=size * len(indices)).reshape(len(indices), size).astype(float)


def _n_draws(indices: np.ndarray) -> int:
    return len(np.atleast_2d(indices))


def _by_name(
    values: np.ndarray, lineages: Sequence[str], benchmarks: Sequence[Benchmark]
) -> dict[tuple[str, str], np.ndarray]:
    named = {
        (lineage, benchmark.name): values[i, j]
        for i, lineage in enumerate(lineages)
        for j, benchmark in enumerate(benchmarks)
    }
    return named | {(lineage, OVERALL): values[i].mean(axis=0) for i, lineage in enumerate(lineages)}

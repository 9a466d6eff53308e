"""Psychometric curves of each skill, and how much training changes it.

A skill's change is the difference of the mean accuracy over all contrasts, on the same probes. There are as many
comparisons as skills times trained lineages; each interval leaves its share of the error alone beyond its ends
(Bonferroni), so that all of them hold together at the confidence level. So far out, Student's t of two degrees of
freedom would leave nothing to find: the spread of seeds is taken as the same for all skills and lineages and estimated
from all of them, with the degrees of freedom of the trained runs alone, since skills of one run are not independent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import curve_fit
from scipy.special import expit

from viper.analysis.bootstrap import Benchmark, Estimate, Scores, resample
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, HIT, Number, keyed
from viper.analysis.runs import distinct, of_run, seeds_of
from viper.config.analysis import Analysis
from viper.errors import ViperError
from viper.questions import answers
from viper.questions.skills.probe import COLUMNS as PROBED
from viper.reading import read_table

CHANGES = ["skill", "lineage", "compared_with", "change", "low", "high", "comparisons", "items", "seeds"]
CURVES = ["skill", "lineage", "contrast", "right", "low", "high", "chance", "fitted", "threshold", "width", "top"]
CURVES += ["fitted_threshold", "items", "seeds"]


def read_measured(path: str | Path, skills: Sequence[str], contrasts: Sequence[float]) -> pd.DataFrame:
    """Read what `viper.questions.skills.probe` measured of one run: every probe of these skills, at each contrast once.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=PROBED, numbers=["item", "contrast", "hit"])
    values = {"skill": skills, "contrast": contrasts}
    return keyed(table, path, ("skill", "item"), "contrast", numbers={"hit": HIT}, values=values)


def read_changes(path: str | Path) -> pd.DataFrame:
    """Read a table of `changes` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(CHANGES[3:], FINITE) | dict.fromkeys(CHANGES[6:], COUNT)
    table = read_table(path, needed=CHANGES, numbers=numbers)
    return keyed(table, path, "skill", "lineage", numbers=numbers, values={"compared_with": table["compared_with"][:1]})


def read_curves(path: str | Path, changed: pd.DataFrame) -> pd.DataFrame:
    """Read a table of `curves` that was written to a file.

    Args:
        changed: the table of `changes` of the same runs, whose skills and lineages it must have.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(CURVES[2:], FINITE) | {"width": Number(low=1e-3), "items": COUNT, "seeds": COUNT}
    table = read_table(path, needed=CURVES, numbers=numbers)
    lineages = [changed["compared_with"].iloc[0], *dict.fromkeys(changed["lineage"])]
    values = {"skill": list(dict.fromkeys(changed["skill"])), "lineage": lineages}
    blank = {"threshold": True}  # left empty where it lies outside of what was asked
    return keyed(table, path, "skill", "lineage", "contrast", numbers=numbers, values=values, blank=blank)


def arrange(tables: Mapping[tuple[str, int], pd.DataFrame], lineages: Sequence[str]) -> dict:
    """Skill → hits, (lineages, seeds, contrasts, items), contrasts rising; what is not trained repeats for every seed.

    Args:
        tables: (lineage, seed) → what `viper.questions.skills.probe` measured; of what is not trained, one seed's.

    Raises:
        ViperError: lineages were asked other probes, or one was not measured or is named twice.
    """
    seeds = seeds_of(tables)
    found: dict[str, list] = {}
    reference = None
    for lineage in distinct(lineages):
        for seed in seeds:
            table = of_run(tables, lineage, seed)
            asked = table[[name for name in PROBED if name != "hit"]]
            asked = asked.sort_values(["skill", "contrast", "item"], ignore_index=True)
            reference = asked if reference is None else reference
            if not asked.equals(reference):
                raise ViperError(f"{lineage}, seed {seed}: was asked other probes than {lineages[0]}: measure all anew")
            for skill, part in table.groupby("skill", sort=False):
                found.setdefault(skill, []).append(part.pivot(index="contrast", columns="item", values="hit"))
    shape = (len(lineages), len(seeds))
    return {
        skill: np.reshape([hits.to_numpy(float) for hits in parts], (*shape, *parts[0].shape))
        for skill, parts in found.items()
    }


def score(hits: Mapping[str, np.ndarray], lineages: Sequence[str], options: Analysis) -> Scores:
    """Percent right by (lineage, skill), the mean over contrasts; a probe is drawn with all its contrasts."""
    units = {skill: values.mean(axis=2)[:, :, None, :] for skill, values in hits.items()}
    benchmarks = [
        Benchmark(skill, values, np.ones((1, values.shape[-1])), values.shape[-1]) for skill, values in units.items()
    ]
    return resample(benchmarks, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed)


def changes(scores: Scores, skills: Sequence[str], lineages: Sequence[str]) -> pd.DataFrame:
    """One row a skill and trained lineage: points gained over the first lineage; intervals hold together."""
    first, *others = lineages
    comparisons = [(skill, lineage) for skill in skills for lineage in others]
    tail = scores.tail / max(len(comparisons), 1)
    spreads = {each: scores.spread(gain(each[1], first, each[0])) for each in comparisons}
    of_seeds = float(np.sqrt(np.mean([spread.of_seeds**2 for spread in spreads.values()])))
    rows = []
    for (skill, lineage), spread in spreads.items():
        value = float(gain(lineage, first, skill)(scores.point))
        half = stats.norm.ppf(1 - tail) * spread.of_items
        if spread.n_seeds > 1:
            degrees = (spread.n_seeds - 1) * len(others)
            half = np.hypot(stats.t.ppf(1 - tail, degrees) * of_seeds / np.sqrt(spread.n_seeds), half)
        row = [skill, lineage, first, value, value - half, value + half]
        rows.append([*row, len(comparisons), scores.items[skill], spread.n_seeds])
    return pd.DataFrame(rows, columns=CHANGES)


def curve(contrast: np.ndarray, threshold: float, width: float, top: float, chance: float) -> np.ndarray:
    """The psychometric function: a logistic rise from chance to `top`, half-way at `threshold`; shares."""
    return chance + (top - chance) * expit((contrast - threshold) / width)


def fit(contrasts: np.ndarray, right: np.ndarray, chance: float) -> tuple[float, float, float]:
    """Threshold, width and top of `curve` by least squares; contrasts are shares, as is `right`."""
    found, _ = curve_fit(
        lambda contrast, *shape: curve(contrast, *shape, chance),
        contrasts,
        right,
        p0=(float(contrasts.mean()), 0.05, min(max(float(right.max()), chance + 0.05), 0.99)),
        bounds=([0.0, 0.005, chance], [1.5, 1.0, 1.0]),
        max_nfev=20000,
    )
    return tuple(map(float, found))


def curves(
    hits: Mapping[str, np.ndarray],
    contrasts: Sequence[float],
    chance: Mapping[str, float],
    lineages: Sequence[str],
    options: Analysis,
) -> pd.DataFrame:
    """One row a skill, lineage and contrast: percent right with its own interval, and the fitted curve there.

    `threshold` is left empty where the curve's middle, `fitted_threshold`, lies outside the contrasts that were asked.

    Args:
        contrasts: rising, as `hits` has them.
    """
    rows, at = [], np.asarray(contrasts)
    for skill, values in hits.items():
        by_contrast = [
            Benchmark(f"{contrast}", values[:, :, [place], :], np.ones((1, values.shape[-1])), values.shape[-1])
            for place, contrast in enumerate(contrasts)
        ]
        scores = resample(
            by_contrast, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed
        )
        for number, lineage in enumerate(lineages):
            threshold, width, top = fit(at, values[number].mean(axis=(0, 2)), chance[skill])
            fitted = 100 * curve(at, threshold, width, top, chance[skill])
            inside = threshold if at[0] <= threshold <= at[-1] else np.nan
            for contrast, value in zip(contrasts, fitted, strict=True):
                name = f"{contrast}"
                right = scores.estimate(lambda s, key=(lineage, name): s[key])
                limits = (right.value, max(right.low, 0.0), min(right.high, 100.0))
                row = [skill, lineage, contrast, *limits, 100 * chance[skill], value, inside, width, 100 * top]
                rows.append([*row, threshold, values.shape[-1], values.shape[1]])
    return pd.DataFrame(rows, columns=CURVES)


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """One claim a row of `changes`: that the skill rises. Supported: it rises; not supported: it falls."""
    rows = []
    for row in table.itertuples():
        interval = f"{row.change:+.1f} points [{row.low:+.1f}, {row.high:+.1f}]"
        rows.append(
            answers.answer(
                "skills",
                f"{row.lineage}:{row.skill}".replace(" ", "-"),
                f"{row.lineage} is better at {row.skill} than {row.compared_with}",
                Estimate(row.change, row.low, row.high),
                unit="points",
                seeds=row.seeds,
                items=row.items,
                reachable=(row.high - row.low) / 2,
                sentence=f"Skill {row.skill}, {row.lineage} against {row.compared_with}: {interval}, simultaneous over "
                f"{row.comparisons} comparisons: that it rises is {{verdict}}.",
            )
        )
    return answers.table(rows)

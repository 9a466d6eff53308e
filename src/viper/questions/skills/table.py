"""Psychometric curves of each skill, and how much training changes it.

VLMEvalKit counts an answer that names no option as wrong. So a model that sees too little to name one lies below
chance, and one that takes to guessing would seem to have gained a skill. Accuracy here credits an answer that names
none with chance: what a guess among the options would earn on average. Both lie at chance then, where the curves begin.
A model that is misled, and names wrong options more often than a guess would, still lies below. `right` and `unnamed`
say what VLMEvalKit scores, and how many answers name no option.

A skill's change is the difference of the mean accuracy over all contrasts, on the same probes. There are as many
comparisons as skills times trained lineages; each interval leaves its share of the error alone beyond its ends
(Bonferroni), so that all of them hold together at the confidence level. So far out, Student's t of two degrees of
freedom would leave nothing to find: the spread of seeds is taken as the same for all skills and lineages and estimated
from all of them, with the degrees of freedom of the trained runs alone, since skills of one run are not independent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import curve_fit
from scipy.special import expit

from viper.analysis.bootstrap import Benchmark, Estimate, Scores, resample
from viper.analysis.claims import gain
from viper.analysis.keyed import COUNT, FINITE, HIT, PERCENT, Number, keyed
from viper.analysis.runs import distinct, of_run, seeds_of
from viper.config.analysis import Analysis
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.questions import answers
from viper.questions.skills.probe import COLUMNS as PROBED
from viper.reading import read_table

CHANGES = ["skill", "lineage", "compared_with", "change", "low", "high"]
CHANGES += ["right", "unnamed", "compared_right", "compared_unnamed", "comparisons", "items", "seeds"]
CURVES = ["skill", "lineage", "contrast", "accuracy", "low", "high", "right", "unnamed", "chance", "fitted"]
CURVES += ["threshold", "width", "top", "fitted_threshold", "fitted_width", "items", "seeds"]

_WIDTHS = (0.005, 1.0)  # bounds of a fitted curve's width
_NEAR = 1.1  # factor within which a width stands at its bound: a fit comes close to it and never there
_LEAST_RISE = 0.001  # of a fitted curve, as a share: in less there is no middle


class Answers(NamedTuple):
    """All answers to the probes of one skill: (lineages, seeds, contrasts, items) each, contrasts rising.

    Attributes:
        hit: 1 where VLMEvalKit counts the answer as right, 0 elsewhere.
        named: 1 where the answer names an option, 0 elsewhere; none is a hit without that.
    """

    hit: np.ndarray
    named: np.ndarray

    def credited(self, chance: float) -> np.ndarray:
        """What each answer is worth: its hit, 0 or 1, and `chance` where it names no option."""
        return np.where(self.named > 0, self.hit, chance)

    @property
    def right(self) -> np.ndarray:
        """Percent that VLMEvalKit counts as right: (lineages, contrasts)."""
        return 100 * self.hit.mean(axis=(1, 3))

    @property
    def unnamed(self) -> np.ndarray:
        """Percent of the answers that name no option: (lineages, contrasts)."""
        return 100 * (1 - self.named).mean(axis=(1, 3))


def read_measured(path: str | Path, skills: Sequence[str], contrasts: Sequence[float]) -> pd.DataFrame:
    """Read what `viper.questions.skills.probe` measured of one run: every probe of these skills, at each contrast once.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`; or an answer that names no option counts as right.
    """
    table = read_table(path, needed=PROBED, numbers=["item", "contrast", *Answers._fields])
    values = {"skill": skills, "contrast": contrasts}
    keyed(table, path, ("skill", "item"), "contrast", numbers=dict.fromkeys(Answers._fields, HIT), values=values)
    if (wrong := table["hit"] > table["named"]).any():
        skill, item, contrast = table.loc[wrong, ["skill", "item", "contrast"]].iloc[0]
        row = f"skill {skill}, item {item:g}, contrast {contrast:g}"
        raise ViperError(f"{path}: the row {row}: names no option, but is a hit. {REMEDY}")
    return table


def read_changes(path: str | Path) -> pd.DataFrame:
    """Read a table of `changes` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(CHANGES[3:6], FINITE) | dict.fromkeys(CHANGES[6:10], PERCENT)
    numbers |= dict.fromkeys(CHANGES[10:], COUNT)
    table = read_table(path, needed=CHANGES, numbers=numbers)
    return keyed(table, path, "skill", "lineage", numbers=numbers, values={"compared_with": table["compared_with"][:1]})


def read_curves(path: str | Path, changed: pd.DataFrame) -> pd.DataFrame:
    """Read a table of `curves` that was written to a file.

    Args:
        changed: the table of `changes` of the same runs, whose skills and lineages it must have.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(CURVES[2:], FINITE) | dict.fromkeys(["right", "unnamed"], PERCENT)
    numbers |= dict.fromkeys(["width", "fitted_width"], Number(low=1e-3)) | {"items": COUNT, "seeds": COUNT}
    table = read_table(path, needed=CURVES, numbers=numbers)
    lineages = [changed["compared_with"].iloc[0], *dict.fromkeys(changed["lineage"])]
    values = {"skill": list(dict.fromkeys(changed["skill"])), "lineage": lineages}
    blank = {"threshold": True, "width": True}  # left empty where the answers do not say them: see `is_determined`
    return keyed(table, path, "skill", "lineage", "contrast", numbers=numbers, values=values, blank=blank)


def arrange(tables: Mapping[tuple[str, int], pd.DataFrame], lineages: Sequence[str]) -> dict[str, Answers]:
    """Skill → all answers to its probes; what is not trained repeats for every seed.

    Args:
        tables: (lineage, seed) → what `viper.questions.skills.probe` measured; of what is not trained, one seed's.

    Raises:
        ViperError: lineages were asked other probes, or one was not measured or is named twice.
    """
    seeds = seeds_of(tables)
    found: dict[str, list[Answers]] = {}
    reference = None
    for lineage in distinct(lineages):
        for seed in seeds:
            table = of_run(tables, lineage, seed)
            asked = table[[name for name in PROBED if name not in Answers._fields]]
            asked = asked.sort_values(["skill", "contrast", "item"], ignore_index=True)
            reference = asked if reference is None else reference
            if not asked.equals(reference):
                raise ViperError(f"{lineage}, seed {seed}: was asked other probes than {lineages[0]}: measure all anew")
            for skill, part in table.groupby("skill", sort=False):
                found.setdefault(skill, []).append(_by_contrast(part))
    return {skill: _stacked(parts, (len(lineages), len(seeds))) for skill, parts in found.items()}


def _by_contrast(part: pd.DataFrame) -> Answers:
    """One run's answers to the probes of one skill: (contrasts, items) each."""
    wide = part.pivot(index="contrast", columns="item", values=list(Answers._fields))
    return Answers(*(wide[name].to_numpy(float) for name in Answers._fields))


def _stacked(parts: Sequence[Answers], shape: tuple[int, int]) -> Answers:
    """The answers of all runs; `parts` by lineage, and by seed within it."""
    return Answers(*(np.reshape(values, (*shape, *values[0].shape)) for values in zip(*parts, strict=True)))


def score(
    answered: Mapping[str, Answers], chance: Mapping[str, float], lineages: Sequence[str], options: Analysis
) -> Scores:
    """Accuracy in percent by (lineage, skill), the mean over contrasts; a probe is drawn with all its contrasts.

    Args:
        chance: skill → what an answer that names no option is credited with, a share.
    """
    units = {skill: each.credited(chance[skill]).mean(axis=2)[:, :, None, :] for skill, each in answered.items()}
    benchmarks = [
        Benchmark(skill, values, np.ones((1, values.shape[-1])), values.shape[-1]) for skill, values in units.items()
    ]
    return resample(benchmarks, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed)


def changes(scores: Scores, answered: Mapping[str, Answers], lineages: Sequence[str]) -> pd.DataFrame:
    """One row a skill and trained lineage: points of accuracy gained over the first lineage; intervals hold together.

    `right` and `unnamed` are the lineage's percentages as VLMEvalKit counts them, without credit, the mean over
    contrasts; with `compared_` before them, those of the first lineage.
    """
    first, *others = lineages
    comparisons = [(skill, lineage) for skill in answered for lineage in others]
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
        right, unnamed = answered[skill].right.mean(axis=1), answered[skill].unnamed.mean(axis=1)
        number = lineages.index(lineage)
        row += [right[number], unnamed[number], right[0], unnamed[0]]
        rows.append([*row, len(comparisons), scores.items[skill], spread.n_seeds])
    return pd.DataFrame(rows, columns=CHANGES)


def curve(contrast: np.ndarray, threshold: float, width: float, top: float, chance: float) -> np.ndarray:
    """The psychometric function: a logistic rise from chance to `top`, half-way at `threshold`; shares."""
    return chance + (top - chance) * expit((contrast - threshold) / width)


def fit(contrasts: np.ndarray, accuracy: np.ndarray, chance: float) -> tuple[float, float, float]:
    """Threshold, width and top of `curve` by least squares; contrasts are shares, as is `accuracy`.

    The floor is no parameter, but chance: an answer that names no option is credited with it, so one who sees nothing
    lies there, whether he guesses or not. Whether the three are more than bounds is for `is_determined` to say.
    """
    found, _ = curve_fit(
        lambda contrast, *shape: curve(contrast, *shape, chance),
        contrasts,
        accuracy,
        p0=(float(contrasts.mean()), 0.05, min(max(float(accuracy.max()), chance + 0.05), 0.99)),
        bounds=([0.0, _WIDTHS[0], chance], [1.5, _WIDTHS[1], 1.0]),
        max_nfev=20000,
    )
    return tuple(map(float, found))


def is_determined(contrasts: np.ndarray, shape: tuple[float, float, float], chance: float) -> bool:
    """Whether the answers say where a fitted curve rises, and how steeply.

    They do not where its middle lies outside the contrasts that were asked; where its width stands at a bound, a step
    that any steeper one would fit as well, or a line; or where it does not rise.

    Args:
        contrasts: rising.
        shape: what `fit` found.
    """
    threshold, width, top = shape
    is_inside = contrasts[0] <= threshold <= contrasts[-1]
    return bool(is_inside and _WIDTHS[0] * _NEAR < width < _WIDTHS[1] / _NEAR and top - chance > _LEAST_RISE)


def curves(
    answered: Mapping[str, Answers],
    contrasts: Sequence[float],
    chance: Mapping[str, float],
    lineages: Sequence[str],
    options: Analysis,
) -> pd.DataFrame:
    """One row a skill, lineage and contrast: accuracy in percent with its own interval, and the fitted curve there.

    `right` and `unnamed` are the percentages as VLMEvalKit counts them, without credit. `threshold` and `width` are
    left empty where the answers do not say them (`is_determined`); `fitted_threshold` and `fitted_width` draw the curve
    there too.

    Args:
        contrasts: rising, as `answered` has them.
        chance: skill → the curve's floor, and what an answer that names no option is credited with; a share.
    """
    rows, at = [], np.asarray(contrasts)
    for skill, each in answered.items():
        values, floor, right, unnamed = each.credited(chance[skill]), chance[skill], each.right, each.unnamed
        scores = _score_contrasts(values, contrasts, lineages, options)
        for number, lineage in enumerate(lineages):
            shape = fit(at, values[number].mean(axis=(0, 2)), floor)
            threshold, width, top = shape
            said = (threshold, width) if is_determined(at, shape, floor) else (np.nan, np.nan)
            for place, contrast in enumerate(contrasts):
                accuracy = scores.estimate(lambda s, key=(lineage, f"{contrast}"): s[key])
                limits = (accuracy.value, max(accuracy.low, 0.0), min(accuracy.high, 100.0))
                row = [skill, lineage, contrast, *limits, right[number, place], unnamed[number, place], 100 * floor]
                row += [100 * float(curve(at[place], *shape, floor)), *said, 100 * top, threshold, width]
                rows.append([*row, values.shape[-1], values.shape[1]])
    return pd.DataFrame(rows, columns=CURVES)


def _score_contrasts(
    values: np.ndarray, contrasts: Sequence[float], lineages: Sequence[str], options: Analysis
) -> Scores:
    """Accuracy in percent by (lineage, contrast as text), of what one skill's answers are worth."""
    by_contrast = [
        Benchmark(f"{contrast}", values[:, :, [place], :], np.ones((1, values.shape[-1])), values.shape[-1])
        for place, contrast in enumerate(contrasts)
    ]
    return resample(
        by_contrast, lineages, resamples=options.resamples, confidence=options.confidence, seed=options.seed
    )


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """One claim a row of `changes`: that the skill rises. Supported: it rises; not supported: it falls.

    The sentence says beside it what VLMEvalKit scores, where an answer that names no option is wrong.
    """
    rows = []
    for row in table.itertuples():
        interval = f"{row.change:+.1f} points [{row.low:+.1f}, {row.high:+.1f}]"
        scored = f"{row.right:.1f} % right against {row.compared_right:.1f} %"
        unnamed = f"{row.unnamed:.1f} % that name no option against {row.compared_unnamed:.1f} %"
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
                f"{row.comparisons} comparisons, an answer that names no option counted as a guess: that it rises is "
                f"{{verdict}}. VLMEvalKit scores {scored}, and as wrong {unnamed}.",
            )
        )
    return answers.table(rows)

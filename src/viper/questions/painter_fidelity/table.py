"""What the loop gains against how faithful its painter and editor are, with the slope and its interval.

One lineage is one pair of painter and editor. Its fidelity is the mean of two shares that the audit measures against
the truth: facts of a caption that its painting shows, and orders that its editor carried out; both stages train equally
long. The line is fitted by least squares (`scipy.stats.linregress`) through the lineages, each the mean over seeds.

Both axes are uncertain, and both uncertainties go into the interval of the slope:

- in every resample the gains are those of drawn seeds and items, the same for all lineages (`viper.analysis.bootstrap`),
  and every share is drawn anew from its binomial error, as a normal one;
- each seed has a slope of its own, of its own fidelities and its own gains; how these differ is the part of the seeds.

Errors in fidelity also pull the slope towards zero, by the factor `reliability` (the variance of the fidelities less
that of their errors, over the variance): it is told, and not corrected for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import linregress

from viper.analysis.bootstrap import Estimate, Measure, Scores
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions import PainterFidelity
from viper.errors import ViperError
from viper.lineage import split_control
from viper.questions.answers import answer
from viper.questions.answers import table as as_table

QUESTION = "painter_fidelity"
PAINTER, EDITOR = "painter", "editor"  # shares, as columns of the table
# Column → the step of the audit and its measure.
SHARES = {
    PAINTER: ("painter", "all facts"),
    EDITOR: ("edits", "done"),
    "csr_labels": ("refinements", "the caption's mistake, told right"),
    "vop_labels": ("edits", "statement is true"),
}
FIDELITY = "fidelity"
AUDIT, AUDIT_NUMBERS = ["lineage", "seed", "step", "measure", "share", "n"], ["seed", "share", "n"]
COLUMNS = ["lineage", FIDELITY, "fidelity_low", "fidelity_high", *SHARES]
COLUMNS += ["gain", "gain_low", "gain_high", "seeds", "items"]
POINTS = ["lineage", "seed", PAINTER, EDITOR, FIDELITY, "gain"]
LINE = ["fidelity", "gain", "low", "high", "slope", "slope_low", "slope_high", "reliability"]
PER = 10  # points of fidelity that the slope is told for
_STEPS = 25  # points of the line


@dataclass(frozen=True)
class Measured:
    """Gains and fidelities, in percent and points.

    Attributes:
        scores: of the benchmarks, with a column FIDELITY for every lineage but the base, drawn like the others.
        base: the lineage over which the others gain.
        lineages: the others, one for each pair of painter and editor.
        seeds: the runs.
        shares: (lineage, column of SHARES) → (seeds,) percent.
        reliability: share of the variance of the fidelities that is not error.
    """

    scores: Scores
    base: str
    lineages: tuple[str, ...]
    seeds: tuple[int, ...]
    shares: Mapping[tuple[str, str], np.ndarray]
    reliability: float

    def gain(self, lineage: str) -> Measure:
        """What a lineage gains over the base, as a measure of scores."""
        return lambda scores: scores[lineage, OVERALL] - scores[self.base, OVERALL]

    def line(self, at: float | None = None) -> Measure:
        """The slope, in points of gain per point of fidelity; or the line's height at a fidelity."""

        def measure(scores: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
            fidelity = np.stack([np.asarray(scores[name, FIDELITY]) for name in self.lineages])
            gains = np.stack([np.asarray(self.gain(name)(scores)) for name in self.lineages])
            slopes, heights = fit(fidelity, gains)
            return slopes if at is None else heights + slopes * at

        return measure


def measure(audit: pd.DataFrame, scores: Scores, lineages: Sequence[str], seeds: Sequence[int], seed: int) -> Measured:
    """Join what the audit and the benchmarks say.

    Args:
        audit: of the syntheses of all `lineages` but the first; the columns are AUDIT, shares of 0 to 1.
        scores: of all lineages, with these seeds in their order.
        seed: of the draws of the audit's error.

    Raises:
        ViperError: the audit says nothing of a lineage and seed, or every fidelity is the same: there is no line.
    """
    base, *others = lineages
    shares, counts = {}, {}
    for lineage in others:
        for column, (step, name) in SHARES.items():
            rows = [_row(audit, lineage, each, step, name) for each in seeds]
            shares[lineage, column] = np.array([100 * share for share, _ in rows])
            counts[lineage, column] = np.array([n for _, n in rows])
    by_seed = {name: (shares[name, PAINTER] + shares[name, EDITOR]) / 2 for name in others}
    errors = {
        name: np.hypot(*(_error(shares[name, part], counts[name, part]) for part in (PAINTER, EDITOR))) / 2
        for name in others
    }
    means = np.array([by_seed[name].mean() for name in others])
    variance = means.var(ddof=1) if len(means) > 1 else 0.0
    if variance == 0:
        raise ViperError(
            f"{QUESTION}: painter and editor are equally faithful in all lineages, so that no line can be fitted: name "
            "lineages whose variants change models.painter or models.editor"
        )
    rng = np.random.default_rng(seed)
    draws = {name: rng.normal(by_seed[name].mean(), errors[name], _draws_of(scores)) for name in others}
    extended = replace(
        scores,
        point={**scores.point, **{(name, FIDELITY): by_seed[name].mean() for name in others}},
        by_seed={**scores.by_seed, **{(name, FIDELITY): by_seed[name] for name in others}},
        draws={**scores.draws, **{(name, FIDELITY): draws[name] for name in others}},
    )
    noise = float(np.mean([errors[name] ** 2 for name in others]))
    return Measured(extended, base, tuple(others), tuple(seeds), shares, max(0.0, 1 - noise / float(variance)))


def fit(fidelity: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of a line through the lineages, for each of any number of draws.

    Args:
        fidelity, gains: (lineages,) or (lineages, draws).

    Returns:
        Two arrays, of no dimension or (draws,). NaN where all fidelities of a draw are equal.
    """
    if fidelity.ndim == 1:
        if np.ptp(fidelity) == 0:
            return np.float64(np.nan), np.float64(np.nan)
        line = linregress(fidelity, gains)
        return np.float64(line.slope), np.float64(line.intercept)
    lines = [fit(*pair) for pair in zip(fidelity.T, gains.T, strict=True)]
    slopes, heights = zip(*lines, strict=True)
    return np.array(slopes), np.array(heights)


def summary(measured: Measured) -> pd.DataFrame:
    """One row per pair of painter and editor; the columns are COLUMNS, in percent and points."""
    rows = []
    for name in measured.lineages:
        fidelity = measured.scores.estimate(lambda scores, name=name: scores[name, FIDELITY])
        gain = measured.scores.estimate(measured.gain(name))
        row = {"lineage": name, FIDELITY: fidelity.value, "fidelity_low": fidelity.low, "fidelity_high": fidelity.high}
        row |= {column: measured.shares[name, column].mean() for column in SHARES}
        row |= {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        rows.append(row | {"seeds": len(measured.seeds), "items": measured.scores.items[OVERALL]})
    return pd.DataFrame(rows, columns=COLUMNS)


def points(measured: Measured) -> pd.DataFrame:
    """One row per lineage and seed; the columns are POINTS."""
    rows = []
    for name in measured.lineages:
        gains = measured.gain(name)(measured.scores.by_seed)
        for place, seed in enumerate(measured.seeds):
            painter, editor = (measured.shares[name, part][place] for part in (PAINTER, EDITOR))
            row = {"lineage": name, "seed": seed, PAINTER: painter, EDITOR: editor, FIDELITY: (painter + editor) / 2}
            rows.append(row | {"gain": gains[place]})
    return pd.DataFrame(rows, columns=POINTS)


def line(measured: Measured) -> pd.DataFrame:
    """The fitted line from the lowest to the highest fidelity, with its band; the columns are LINE."""
    found = [float(measured.scores.point[name, FIDELITY]) for name in measured.lineages]
    slope = measured.scores.estimate(measured.line())
    rows = []
    for at in np.linspace(min(found), max(found), _STEPS):
        height = measured.scores.estimate(measured.line(float(at)))
        rows.append((at, *height, *slope, measured.reliability))
    return pd.DataFrame(rows, columns=LINE)


def claims(measured: Measured, question: PainterFidelity, options: Analysis) -> pd.DataFrame:
    """The answers, each with its verdict; see `viper.questions.answers`."""
    scores, seeds = measured.scores, len(measured.seeds)
    best, own, worst = question.perfect, question.as_it_is, question.worst
    found = {name: float(scores.point[name, FIDELITY]) for name in measured.lineages}
    span = f"{len(measured.lineages)} pairs of painter and editor, {min(found.values()):.0f} to {max(found.values()):.0f} %"
    judged = [
        (
            "slope",
            "The more faithful painter and editor are, the more the loop gains",
            lambda each: PER * measured.line()(each),
            f"points of gain per {PER} points of fidelity",
            f"Per {PER} points of fidelity of painter and editor the loop gains {{value}} points more {{interval}} "
            f"({span} faithful).",
        ),
        (
            "perfect",
            "With a painter and an editor that make no mistake the loop gains more than with its own",
            lambda each: measured.gain(best)(each) - measured.gain(own)(each),
            "points",
            f"A painter and an editor without a mistake ({found[best]:.0f} % faithful by the audit, its own "
            f"{found[own]:.0f} %) would be worth {{value}} points {{interval}}.",
        ),
        (
            "worst",
            "With the painter and the editor that are told most wrong the loop still gains",
            measured.gain(worst),
            "points",
            f"With a painter and an editor of {found[worst]:.0f} % fidelity the loop gains {{value}} points {{interval}} "
            "over its base.",
        ),
    ]
    rows = []
    for claim, text, number, unit, sentence in judged:
        estimate, spread = scores.estimate(number), scores.spread(number)
        rows.append(
            answer(
                QUESTION,
                claim,
                text,
                estimate,
                unit=unit,
                seeds=seeds,
                items=scores.items[OVERALL],
                reachable=spread.half_width(scores.tail),
                sentence=_told(sentence, estimate),
            )
        )
    return as_table(rows)


def synthesizer(lineage: str) -> str:
    """The base, under some variant, whose painter and editor made the data of a lineage of one generation."""
    checkpoint, _ = split_control(lineage)
    return checkpoint.partition(".")[0]


def _told(sentence: str, estimate: Estimate) -> str:
    numbers = f"[{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return sentence.format(value=f"{estimate.value:+.2f}", interval=numbers) + " The claim is {verdict}."


def _row(audit: pd.DataFrame, lineage: str, seed: int, step: str, name: str) -> tuple[float, int]:
    """A share and how many it is of."""
    mine = (audit["lineage"] == synthesizer(lineage)) & (audit["seed"] == seed)
    rows = audit[mine & (audit["step"] == step) & (audit["measure"] == name)]
    if len(rows) != 1 or not rows["n"].iloc[0]:
        raise ViperError(f"the audit has {len(rows)} rows of {lineage}, seed {seed}, {step}: {name}: make it again")
    return float(rows["share"].iloc[0]), int(rows["n"].iloc[0])


def _error(percent: np.ndarray, counts: np.ndarray) -> float:
    """Standard error of the mean over seeds of some shares, in points: each share's own binomial one."""
    return float(np.sqrt((percent * (100 - percent) / counts).sum()) / len(percent))


def _draws_of(scores: Scores) -> int:
    return len(next(iter(scores.draws.values())))

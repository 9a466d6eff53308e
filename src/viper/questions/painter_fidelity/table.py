"""What the loop gains against how faithful its painter and editor are, with the slope and its interval.

One lineage is one pair of painter and editor. Its fidelity is the mean of two shares that the audit measures against
the truth: facts of a caption that its painting shows, and orders that its editor carried out; both stages train equally
long. The line is fitted by least squares (`scipy.stats.linregress`) through the pairs, each the mean over its seeds.

What makes it uncertain has two parts, whose half-widths are added in squares, as those of seeds and items are in
`viper.analysis.bootstrap`:

- how the pairs scatter about the line: the runs, whatever sets a pair apart from another of the same fidelity, and
  where the line is none. Student's t with as many degrees of freedom as there are pairs, less two;
- both axes' own errors: in every resample the gains are those of drawn items, the same for all pairs, and every share
  is drawn anew from its binomial error, as a normal one; then the line is fitted again.

Errors in fidelity also pull the slope towards zero, by the factor `reliability` (the variance of the fidelities less
that of their errors, over the variance): it is told, and not corrected for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from viper.analysis.bootstrap import Estimate, Measure, Scores
from viper.analysis.keyed import COUNT, FINITE, NATURAL, PERCENT, SHARE, keyed
from viper.analysis.published import OVERALL
from viper.config.analysis import Analysis
from viper.config.questions.painter_fidelity import PainterFidelity
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.questions.answers import answer
from viper.questions.answers import table as as_table
from viper.questions.judging import signed
from viper.questions.painter_fidelity.plan import synthesizer
from viper.reading import read_table

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

    @property
    def fidelities(self) -> np.ndarray:
        """(lineages,) the mean of each over its seeds."""
        return np.array([float(self.scores.point[name, FIDELITY]) for name in self.lineages])

    def slope(self) -> tuple[Estimate, float]:
        """Points of gain per point of fidelity, with its interval, and half the width of that."""
        line = self._line()
        return self._interval(float(line.slope), float(line.stderr), lambda scores: self._lines(scores)[0])

    def height(self, at: float) -> tuple[Estimate, float]:
        """The line's gain at a fidelity, likewise."""
        line, found = self._line(), self.fidelities
        # s √(1/n + away²/Sxx), where the slope's own error is s/√Sxx
        scatter = float(line.stderr * np.hypot(found.std(), at - found.mean()))

        def heights(scores: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
            slopes, intercepts = self._lines(scores)
            return intercepts + slopes * at

        return self._interval(float(line.intercept + line.slope * at), scatter, heights)

    def _line(self):
        gains = [float(self.gain(name)(self.scores.point)) for name in self.lineages]
        return stats.linregress(self.fidelities, gains)

    def _lines(self, scores: Mapping[tuple[str, str], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Slope and intercept in each of many draws: the same line, all at once."""
        fidelity = np.stack([np.asarray(scores[name, FIDELITY]) for name in self.lineages])
        gains = np.stack([np.asarray(self.gain(name)(scores)) for name in self.lineages])
        away = fidelity - fidelity.mean(0)
        slopes = (away * gains).sum(0) / (away**2).sum(0)
        return slopes, gains.mean(0) - slopes * fidelity.mean(0)

    def _interval(self, value: float, scatter: float, measure: Measure) -> tuple[Estimate, float]:
        """The two parts together: the scatter of the pairs, and the items' and the audit's errors."""
        level, errors = 1 - self.scores.tail, self.scores.spread(measure).of_items
        half = np.hypot(stats.t.ppf(level, len(self.lineages) - 2) * scatter, stats.norm.ppf(level) * errors)
        return Estimate(value, value - half, value + half), float(half)


def measure(audit: pd.DataFrame, scores: Scores, lineages: Sequence[str], seeds: Sequence[int], seed: int) -> Measured:
    """Join what the audit and the benchmarks say.

    Args:
        audit: of the syntheses of all `lineages` but the first, see `viper.questions.audits`.
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


def summary(measured: Measured) -> pd.DataFrame:
    """One row per pair of painter and editor; the columns are COLUMNS, in percent and points.

    The interval of the fidelity reaches alike to either side, so that of a share near 100 % it would end beyond: it is
    cut off at 0 and 100, which takes nothing away that could be.
    """
    rows = []
    for name in measured.lineages:
        fidelity = measured.scores.estimate(lambda scores, name=name: scores[name, FIDELITY])
        low, high = np.clip([fidelity.low, fidelity.high], 0, 100)
        gain = measured.scores.estimate(measured.gain(name))
        row = {"lineage": name, FIDELITY: fidelity.value, "fidelity_low": low, "fidelity_high": high}
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
    found = measured.fidelities
    slope, _ = measured.slope()
    rows = []
    for at in np.linspace(min(found), max(found), _STEPS):
        height, _ = measured.height(float(at))
        rows.append((at, *height, *slope, measured.reliability))
    return pd.DataFrame(rows, columns=LINE)


def claims(measured: Measured, question: PainterFidelity, options: Analysis) -> pd.DataFrame:
    """The answers, each with its verdict; see `viper.questions.answers`."""
    scores, best, own, worst = measured.scores, question.perfect, question.as_it_is, question.worst
    found = dict(zip(measured.lineages, measured.fidelities, strict=True))
    low, high = min(found.values()), max(found.values())
    slope, reach = measured.slope()
    more, lasting = (lambda each: measured.gain(best)(each) - measured.gain(own)(each)), measured.gain(worst)
    judged = {
        "slope": (
            "The more faithful painter and editor are, the more the loop gains",
            f"points of gain per {PER} points of fidelity",
            Estimate(*(PER * each for each in slope)),
            PER * reach,
            f"Per {PER} points of fidelity of its painter and editor the loop gains {{}} points "
            f"({len(found)} pairs of them, {low:.0f} to {high:.0f} % faithful).",
        ),
        "perfect": (
            "With a painter and an editor that make no mistake the loop gains more than with its own",
            "points",
            scores.estimate(more),
            scores.spread(more).half_width(scores.tail),
            f"A painter and an editor that make no mistake ({found[best]:.0f} % faithful by the audit, the loop's own "
            f"{found[own]:.0f} %) are worth {{}} points of gain.",
        ),
        "worst": (
            "With the painter and the editor that are told most wrong the loop still gains",
            "points",
            scores.estimate(lasting),
            scores.spread(lasting).half_width(scores.tail),
            f"Told most wrong, {found[worst]:.0f} % faithful, painter and editor leave the loop a gain of {{}} points.",
        ),
    }
    rows = [
        answer(
            QUESTION,
            claim,
            text,
            estimate,
            unit=unit,
            seeds=len(measured.seeds),
            items=scores.items[OVERALL],
            reachable=reachable,
            sentence=_told(sentence, estimate),
        )
        for claim, (text, unit, estimate, reachable, sentence) in judged.items()
    ]
    return as_table(rows)


def read_summary(path: str | Path) -> pd.DataFrame:
    """Read a table of `summary` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(COLUMNS[1:8], PERCENT) | dict.fromkeys(COLUMNS[8:11], FINITE)
    numbers |= {"seeds": COUNT, "items": COUNT}
    return keyed(read_table(path, needed=COLUMNS, numbers=numbers), path, "lineage", numbers=numbers)


def read_points(path: str | Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Read a table of `points` that was written to a file.

    Args:
        rows: the table of `summary` of the same runs.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = dict.fromkeys(POINTS[2:], PERCENT) | {"seed": NATURAL, "gain": FINITE}
    table = read_table(path, needed=POINTS, numbers=numbers)
    return keyed(table, path, "lineage", "seed", numbers=numbers, values={"lineage": rows["lineage"]})


def read_line(path: str | Path) -> pd.DataFrame:
    """Read a table of `line` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`; or it has another number of points.
    """
    numbers = dict.fromkeys(LINE, FINITE) | {FIDELITY: PERCENT, "reliability": SHARE}
    table = read_table(path, needed=LINE, numbers=numbers)
    of_all = {name: table[name][:1] for name in LINE[4:]}  # the slope, which is one
    keyed(table, path, FIDELITY, numbers=numbers, values=of_all)
    if len(table) != _STEPS:
        raise ViperError(f"{path}: has {len(table)} points of the line, not {_STEPS}. {REMEDY}")
    return table


def _told(sentence: str, estimate: Estimate) -> str:
    value, low, high = (signed(each, 2) for each in estimate)
    return f"{sentence.format(f'{value} [{low}, {high}]')} Verdict: {{verdict}}."


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

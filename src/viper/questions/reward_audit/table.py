"""Rollouts and probes under every setting of the reward, held to the truth."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from viper.analysis.keyed import COUNT, FINITE, NATURAL, SHARE, Number, keyed
from viper.config.questions.reward_audit import RewardAudit
from viper.config.reward import Reward as RewardSection
from viper.questions.reward_audit.probes import CONTROLS, GUESS, HELD_TO, NEAR, OWN, RIGHT, answers
from viper.questions.reward_audit.rollouts import TRUE_TAU, Rollout, Run, TruthEmbedder
from viper.questions.shares import contrast
from viper.reading import read_table
from viper.reward.scoring import Reward, Score
from viper.reward.sentences import normalize, split_sentences

if TYPE_CHECKING:
    from viper.models.base import Embedder

PLAIN = ("none", False)
COVERAGES = (PLAIN, ("none", True), ("multiply", True), ("harmonic", True))
SETTING = ["embedder", "threshold", "tau", "coverage", "one_to_one"]
AUDIT = [*SETTING, "lineage", "seed", "answers", "reward", "hit_rate"]
AUDIT += ["hit_rate_true", "hit_rate_false", "rank_correlation"]
PROBES = [*SETTING, "lineage", "seed", "probe", "tasks", "correct", "correct_error", "true_correct"]
PROBES += ["advantage", "advantage_error", "less", "less_error"]
ROC = ["embedder", "source", "seed", "sentences", "true", "auc", "error"]
ROLLOUTS, SAVED = "rollouts", "saved "  # source: of the question's own lineages; of all that is rescored, by last phase
CALIBRATED = "calibrated"
NAN = float("nan")


@dataclass(frozen=True)
class Setting:
    """One way to compute the reward."""

    embedder: str
    threshold: str
    coverage: str
    one_to_one: bool
    reward: Reward

    @property
    def row(self) -> dict[str, object]:
        """Its columns SETTING."""
        named = (self.embedder, self.threshold, self.reward.tau, self.coverage, self.one_to_one)
        return dict(zip(SETTING, named, strict=True))

    @property
    def is_plain(self) -> bool:
        """Whether it is the paper's formula as it stands."""
        return (self.coverage, self.one_to_one) == PLAIN


def settings(embedders: dict[str, tuple["Embedder", dict[str, float]]], section: RewardSection) -> Iterator[Setting]:
    """Every embedder with each of its thresholds under each option of coverage, the plain formula first.

    Args:
        embedders: name → the embedder, and its thresholds by what they are called.
        section: the reward of the scale, from which all else is taken.
    """
    for name, (embedder, taus) in embedders.items():
        for threshold, tau in taus.items():
            for coverage, one_to_one in COVERAGES:
                changed = section.model_copy(update={"coverage": coverage, "one_to_one": one_to_one})
                yield Setting(name, threshold, coverage, one_to_one, Reward(embedder, changed, tau))


def true_reward(section: RewardSection, meaning: Callable[[str], str] | None) -> Reward | None:
    """The reward that knows what sentences mean, and pays for what is right and for how much of the truth is said.

    Args:
        section: the reward of the scale, from which all else is taken.
        meaning: a sentence → what it means as text, the same for all its wordings; None where nobody can tell, and
            there is no such reward.
    """
    if meaning is None:
        return None
    changed = section.model_copy(update={"coverage": "harmonic", "one_to_one": True})
    return Reward(TruthEmbedder(meaning), changed, TRUE_TAU)


def audit(runs: list[Run], every: Iterable[Setting], truth: Reward | None) -> pd.DataFrame:
    """One row per run and setting, columns AUDIT: rewards, hits of true and of false sentences, rank correlation.

    The correlation is that of rewards with those of the truth. Without one, the last three columns are not numbers.
    """
    rows, every = [], list(every)
    for run in runs:  # settings inside: what was split into sentences for the first is still known for the last
        real = _score(truth, run.rollouts) if truth else None
        right = _right(real, run.rollouts, truth) if truth else None
        for setting in every:
            scores = _score(setting.reward, run.rollouts)
            rewards = np.array([s.reward for s in scores])
            hit = np.array([m.hit for s in scores for m in s.matches], bool)
            row = {"lineage": run.lineage, "seed": run.seed, "answers": len(scores), "reward": rewards.mean()}
            row |= {"hit_rate": _mean(hit)}
            if truth:
                row |= {"hit_rate_true": _mean(hit[right]), "hit_rate_false": _mean(hit[~right])}
                row |= {"rank_correlation": _rank_correlation(rewards, np.array([s.reward for s in real]))}
            rows.append(setting.row | row)
    return pd.DataFrame(rows, columns=AUDIT)


def roc(
    runs: list[Run], embedders: dict[str, "Embedder"], truth: Reward | None, source: str = ROLLOUTS
) -> pd.DataFrame:
    """How well the best cosine tells right sentences of the rollouts from wrong ones; columns ROC.

    Each distinct pair of sentence and ground truth counts once. A seed without sentences of both sorts is left out, and
    all are where there is no truth.
    """
    rows = []
    for seed in dict.fromkeys(run.seed for run in runs) if truth else ():
        found = _distinct_sentences([row for run in runs if run.seed == seed for row in run.rollouts])
        right = np.array([_is_right(sentence, truths, truth) for sentence, truths in found], bool)
        if right.all() or not right.any():
            continue
        texts = list(dict.fromkeys(text for sentence, truths in found for text in (sentence, *truths)))
        for name, embedder in embedders.items():
            vectors = dict(zip(texts, embedder.embed(texts), strict=True))
            cosines = np.array([max(float(vectors[s] @ vectors[each]) for each in truths) for s, truths in found])
            rows.append((name, source, seed, *_area(right, cosines.round(6))))
    return pd.DataFrame(rows, columns=ROC)


def roc_by_phase(runs: list[Run], embedders: dict[str, "Embedder"], truth: Reward | None) -> list[pd.DataFrame]:
    """The same of the runs of each last phase by itself: what is asked there differs; source SAVED and the phase."""
    phases = dict.fromkeys(_phase(run) for run in runs)
    return [roc([run for run in runs if _phase(run) == each], embedders, truth, SAVED + each) for each in phases]


def _phase(run: Run) -> str:
    return run.lineage.rpartition(".")[2]


def read_pairs(path: str | Path) -> pd.DataFrame:
    """Read the labelled pairs of an embedder with their cosines (`viper.reward.calibration.measure`).

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    table = read_table(path, needed=["same", "kind", "cosine"], numbers=["cosine"])
    numbered = table.assign(pair=range(1, len(table) + 1))  # nobody forbids to label two pairs alike
    keyed(numbered, path, "pair", numbers={"cosine": Number(-1, 1)}, values={"same": ("True", "False")})
    return table


def read_areas(path: str | Path) -> pd.DataFrame:
    """Read a table with the columns ROC; it has no rows where no sentences of both sorts were found.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    numbers = {"seed": NATURAL, "sentences": COUNT, "true": COUNT}
    numbers |= {"auc": SHARE, "error": Number(low=0)}
    table = read_table(path, needed=ROC, numbers=numbers)
    return keyed(table, path, "embedder", ("source", "seed"), numbers=numbers) if len(table) else table


def read_probes(path: str | Path) -> pd.DataFrame:
    """Read a table of `probe` that was written to a file.

    Raises:
        ViperError: see `viper.reading.read_table` and `keyed`.
    """
    errors = ("correct_error", "advantage_error", "less_error")
    numbers = dict.fromkeys(PROBES[8:], FINITE) | dict.fromkeys(errors, Number(low=0))
    numbers |= {"tau": SHARE, "seed": NATURAL, "tasks": COUNT}
    table = read_table(path, needed=PROBES, numbers=numbers)
    keys = ("embedder", "threshold", ("coverage", "one_to_one"), ("lineage", "seed"), "probe")
    values = {"threshold": dict.fromkeys([CALIBRATED, *table["threshold"]]), "probe": HELD_TO}
    plain = is_under(table, PLAIN)
    blank = {"true_correct": table["true_correct"].isna().all(), "less": plain, "less_error": plain}
    return keyed(table, path, *keys, numbers=numbers, values=values, blank=blank)


def is_under(table: pd.DataFrame, way: tuple[str, bool]) -> pd.Series:
    """Which rows of a table with the columns SETTING are of one of COVERAGES."""
    return (table["coverage"] == way[0]) & (table["one_to_one"].astype(str) == str(way[1]))


def roc_of_pairs(name: str, pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same on the labelled pairs that an embedder's threshold was chosen on: one row per way to say the same.

    Args:
        name: of the embedder.
        pairs: columns same, kind, cosine; `viper.reward.calibration.measure` made them.
        seed: that they were drawn with.
    """
    same = pairs["same"].astype(str).eq("True").to_numpy()  # text where it was read from a file
    cosines = pairs["cosine"].to_numpy(float)
    rows = []
    for kind in dict.fromkeys(pairs["kind"][same]):
        taken = ~same | (pairs["kind"] == kind).to_numpy()
        if kind != "exact" and not same.all():  # the same text has the cosine 1 whatever the embedder
            rows.append((name, kind, seed, *_area(same[taken], cosines[taken])))
    return pd.DataFrame(rows, columns=ROC)


def _area(right: np.ndarray, cosines: np.ndarray) -> tuple[int, int, float, float]:
    area, positives = float(roc_auc_score(right, cosines)), int(right.sum())
    return len(right), positives, area, area_error(area, positives, len(right) - positives)


def area_error(area: float, positives: int, negatives: int) -> float:
    """Standard error of an area under the ROC (Hanley and McNeil 1982).

    Of few sentences, or of nearly perfect areas, which would have none, it is at least that of a share of the rarer
    sort (`paid`): no area varies more than such a share (Birnbaum and Klose 1957).
    """
    of_positives, of_negatives = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (of_positives - area**2)
    variance += (negatives - 1) * (of_negatives - area**2)
    of_share = paid(np.full(min(positives, negatives), area))[1]
    return max(float(np.sqrt(max(variance, 0.0) / (positives * negatives))), of_share)


def probe(runs: list[Run], every: Iterable[Setting], truth: Reward | None, asked: RewardAudit) -> pd.DataFrame:
    """One row per run, setting and probe, columns PROBES.

    Means over the tasks of a run and their standard errors (`paid`): `correct` is what the probe earns, `advantage` how
    much more than what it is held to, `less` how much less than by the plain formula, not a number under that itself.
    `true_correct` is what it would earn from who knows the truth, not a number where nobody does.

    Args:
        every: settings, of each embedder and threshold the plain formula before others.
    """
    rows, every = [], list(every)
    for run in runs:
        tried = _tried(run, asked, truth)
        real = _correct(truth, *tried) if truth else {}
        plain = {}
        for setting in every:
            earned = _correct(setting.reward, *tried)
            if setting.is_plain:
                plain = earned
            for name, held_to in HELD_TO.items():
                row = {"lineage": run.lineage, "seed": run.seed, "probe": name, "tasks": len(earned[name])}
                row |= dict(zip(("correct", "correct_error"), paid(earned[name]), strict=True))
                row |= {"true_correct": real[name].mean()} if real else {}
                row |= dict(zip(("advantage", "advantage_error"), paid(earned[name], earned[held_to]), strict=True))
                if not setting.is_plain:
                    row |= dict(zip(("less", "less_error"), paid(plain[name], earned[name]), strict=True))
                rows.append(setting.row | row)
    return pd.DataFrame(rows, columns=PROBES)


def paid(earned: np.ndarray, held_to: np.ndarray | None = None) -> tuple[float, float]:
    """What tasks are paid in the mean, or how much more than something else pays the same tasks, and its error.

    The standard error is over tasks, paired. Few tasks that are all paid alike, such as nothing, say little: of fewer
    than 30, or where nearly all or nothing is paid, it is at least that of coins of the same means that are tossed one
    by one, beyond which amounts of 0 to 1 do not vary (`viper.questions.shares.contrast`).

    Args:
        earned, held_to: (tasks,) R_correct of each.
    """
    tables = [None if each is None else pd.DataFrame({"hits": each, "size": 1.0}) for each in (earned, held_to)]
    value, error = contrast(*tables)
    return value / 100, error / 100


def _tried(
    run: Run, asked: RewardAudit, truth: Reward | None
) -> tuple[dict[str, list[str]], list[Rollout], list[list[str]]]:
    """Probe → its completion for each task of a run, the tasks, and what the model itself answered to each."""
    first = {(row.prompt, tuple(row.ground_truth)): row for row in run.rollouts}
    tasks = list(first.values())
    options = {"generic": asked.generic, "repeats": asked.repeats, "candidates": asked.candidates}
    options |= {"meaning": truth.embedder.key} if truth else {}
    each = [answers(number, tasks, **options) for number in range(len(tasks))]
    own = [[row.completion for row in run.rollouts if (row.prompt, tuple(row.ground_truth)) == task] for task in first]
    return {name: [one[name] for one in each] for name in (*HELD_TO, *CONTROLS)}, tasks, own


def _correct(
    reward: Reward, tried: dict[str, list[str]], tasks: list[Rollout], own: list[list[str]]
) -> dict[str, np.ndarray]:
    """Probe → (tasks,) R_correct; of the model's own answers, and of a guess between two, the mean of each task."""
    truths = [task.ground_truth for task in tasks]
    earned = {name: np.array([s.correct for s in reward.score(said, truths)]) for name, said in tried.items()}
    means = [
        np.mean([s.correct for s in reward.score(said, [g] * len(said))]) for said, g in zip(own, truths, strict=True)
    ]
    return earned | {OWN: np.array(means), GUESS: (earned[RIGHT] + earned[NEAR]) / 2}


def _score(reward: Reward, rollouts: list[Rollout]) -> list[Score]:
    return reward.score([row.completion for row in rollouts], [row.ground_truth for row in rollouts])


def _right(scores: list[Score], rollouts: list[Rollout], truth: Reward) -> np.ndarray:
    """(sentences,) whether each sentence of the answers is in the truth, in order."""
    pairs = zip(scores, rollouts, strict=True)
    return np.array([_is_right(m.text, tuple(row.ground_truth), truth) for s, row in pairs for m in s.matches], bool)


def _is_right(sentence: str, truths: tuple[str, ...], truth: Reward) -> bool:
    key = truth.embedder.key
    return key(sentence) in {key(normalize(each)) for each in truths}


def _distinct_sentences(rollouts: list[Rollout]) -> list[tuple[str, tuple[str, ...]]]:
    from viper.completion import find_answer

    found = {}
    for row in rollouts:
        for sentence in split_sentences(find_answer(row.completion) or ""):
            found[sentence, tuple(normalize(each) for each in row.ground_truth)] = None
    return list(found)


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else NAN


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; not a number where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return NAN
    return float(spearmanr(first, second).statistic)

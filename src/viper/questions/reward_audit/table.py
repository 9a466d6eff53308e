"""Rollouts and probes under every setting of the reward, held to the truth."""

from collections.abc import Iterable, Iterator
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
from viper.questions.reward_audit.probes import HALF, HELD_TO, OWN, answers
from viper.questions.reward_audit.rollouts import TRUE_TAU, Rollout, Run, TruthEmbedder
from viper.reading import read_table
from viper.reward.scoring import Reward, Score
from viper.reward.sentences import normalize, split_sentences

if TYPE_CHECKING:
    from viper.models.base import Embedder

COVERAGES = (("none", False), ("none", True), ("multiply", True), ("harmonic", True))
SETTING = ["embedder", "threshold", "tau", "coverage", "one_to_one"]
AUDIT = [*SETTING, "lineage", "seed", "answers", "reward", "hit_rate_true", "hit_rate_false", "rank_correlation"]
PROBES = [*SETTING, "lineage", "seed", "probe", "tasks", "correct", "true_correct", "advantage", "advantage_error"]
ROC = ["embedder", "source", "seed", "sentences", "true", "auc", "error"]
ROLLOUTS = "rollouts"
CALIBRATED = "calibrated"


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


def settings(embedders: dict[str, tuple["Embedder", dict[str, float]]], section: RewardSection) -> Iterator[Setting]:
    """Every embedder with each of its thresholds under each option of coverage.

    Args:
        embedders: name → the embedder, and its thresholds by what they are called.
        section: the reward of the scale, from which all else is taken.
    """
    for name, (embedder, taus) in embedders.items():
        for threshold, tau in taus.items():
            for coverage, one_to_one in COVERAGES:
                changed = section.model_copy(update={"coverage": coverage, "one_to_one": one_to_one})
                yield Setting(name, threshold, coverage, one_to_one, Reward(embedder, changed, tau))


def true_reward(section: RewardSection, key) -> Reward:
    """The reward that knows what sentences mean, and pays for what is right and for how much of the truth is said."""
    changed = section.model_copy(update={"coverage": "harmonic", "one_to_one": True})
    return Reward(TruthEmbedder(key), changed, TRUE_TAU)


def audit(runs: list[Run], every: Iterable[Setting], truth: Reward) -> pd.DataFrame:
    """One row per setting and run, columns AUDIT: hits of true and false sentences, rank correlation of rewards."""
    exact = {id(run): _score(truth, run.rollouts) for run in runs}
    rows = []
    for setting in every:
        for run in runs:
            scores, real = _score(setting.reward, run.rollouts), exact[id(run)]
            right, hit = _right(real, run.rollouts, truth), np.array([m.hit for s in scores for m in s.matches], bool)
            rewards = np.array([s.reward for s in scores])
            rows.append(
                {
                    **setting.row,
                    "lineage": run.lineage,
                    "seed": run.seed,
                    "answers": len(scores),
                    "reward": rewards.mean(),
                    "hit_rate_true": _mean(hit[right]),
                    "hit_rate_false": _mean(hit[~right]),
                    "rank_correlation": _rank_correlation(rewards, np.array([s.reward for s in real])),
                }
            )
    return pd.DataFrame(rows, columns=AUDIT)


def roc(runs: list[Run], embedders: dict[str, "Embedder"], truth: Reward) -> pd.DataFrame:
    """How well the best cosine tells right sentences of the rollouts from wrong ones; columns ROC, source ROLLOUTS.

    Each distinct pair of sentence and ground truth counts once. `error` is the standard error of the area by Hanley
    and McNeil (1982); a seed without sentences of both sorts is left out.
    """
    rows = []
    for seed in dict.fromkeys(run.seed for run in runs):
        found = _distinct_sentences([row for run in runs if run.seed == seed for row in run.rollouts])
        right = np.array([_is_right(sentence, truths, truth) for sentence, truths in found], bool)
        if right.all() or not right.any():
            continue
        texts = list(dict.fromkeys(text for sentence, truths in found for text in (sentence, *truths)))
        for name, embedder in embedders.items():
            vectors = dict(zip(texts, embedder.embed(texts), strict=True))
            cosines = np.array([max(float(vectors[s] @ vectors[each]) for each in truths) for s, truths in found])
            rows.append((name, ROLLOUTS, seed, *_area(right, cosines.round(6))))
    return pd.DataFrame(rows, columns=ROC)


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
    numbers = dict.fromkeys(PROBES[8:], FINITE) | {"tau": SHARE, "seed": NATURAL}
    numbers |= {"tasks": COUNT, "advantage_error": Number(low=0)}
    table = read_table(path, needed=PROBES, numbers=numbers)
    keys = ("embedder", "threshold", ("coverage", "one_to_one"), ("lineage", "seed"), "probe")
    values = {"threshold": dict.fromkeys([CALIBRATED, *table["threshold"]]), "probe": HELD_TO}
    return keyed(table, path, *keys, numbers=numbers, values=values)


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
    """Standard error of an area under the ROC (Hanley and McNeil 1982)."""
    of_positives, of_negatives = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (of_positives - area**2)
    variance += (negatives - 1) * (of_negatives - area**2)
    return float(np.sqrt(max(variance, 0.0) / (positives * negatives)))


def probe(runs: list[Run], every: Iterable[Setting], truth: Reward, asked: RewardAudit) -> pd.DataFrame:
    """One row per setting, run and probe, columns PROBES: what it earns, and how much more than what it is held to."""
    tried = {id(run): _tried(run, asked) for run in runs}
    real = {id(run): _correct(truth, *tried[id(run)]) for run in runs}
    rows = []
    for setting in every:
        for run in runs:
            earned = _correct(setting.reward, *tried[id(run)])
            for name, held_to in HELD_TO.items():
                gain = earned[name] - earned[held_to]
                rows.append(
                    {
                        **setting.row,
                        "lineage": run.lineage,
                        "seed": run.seed,
                        "probe": name,
                        "tasks": len(gain),
                        "correct": earned[name].mean(),
                        "true_correct": real[id(run)][name].mean(),
                        "advantage": gain.mean(),
                        "advantage_error": gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0,
                    }
                )
    return pd.DataFrame(rows, columns=PROBES)


def _tried(run: Run, asked: RewardAudit) -> tuple[dict[str, list[str]], list[Rollout], list[np.ndarray]]:
    """Probe → its completion for each task of a run, the tasks, and which rollouts are the model's own for each."""
    first = {(row.prompt, tuple(row.ground_truth)): row for row in run.rollouts}
    tasks = list(first.values())
    options = {"generic": asked.generic, "repeats": asked.repeats, "candidates": asked.candidates}
    each = [answers(number, tasks, **options) for number in range(len(tasks))]
    own = [[row.completion for row in run.rollouts if (row.prompt, tuple(row.ground_truth)) == task] for task in first]
    return {name: [one[name] for one in each] for name in (*HELD_TO, HALF, "foreign", "truth")}, tasks, own


def _correct(reward: Reward, tried: dict[str, list[str]], tasks: list[Rollout], own: list[list[str]]) -> dict:
    """Probe → (tasks,) R_correct; of the model's own answers the mean of each task."""
    truths = [task.ground_truth for task in tasks]
    earned = {name: np.array([s.correct for s in reward.score(said, truths)]) for name, said in tried.items()}
    means = [
        np.mean([s.correct for s in reward.score(said, [g] * len(said))]) for said, g in zip(own, truths, strict=True)
    ]
    return earned | {OWN: np.array(means)}


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
    return float(np.mean(values)) if len(values) else float("nan")


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; not a number where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)

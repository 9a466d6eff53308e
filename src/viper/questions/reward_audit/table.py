"""Rollouts and probes under every setting of the reward, held to the truth; and the answers to the question."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from viper.config.questions.reward_audit import Alarm, RewardAudit
from viper.config.reward import Reward as RewardSection
from viper.questions.answers import answer, over_seeds
from viper.questions.reward_audit.probes import HALF, HELD_TO, OWN, answers
from viper.questions.reward_audit.rollouts import TRUE_TAU, Rollout, Run, TruthEmbedder
from viper.reward.scoring import Reward, Score
from viper.reward.sentences import normalize, split_sentences

if TYPE_CHECKING:
    from viper.models.base import Embedder

COVERAGES = (("none", False), ("none", True), ("multiply", True), ("harmonic", True))
SETTING = ["embedder", "threshold", "tau", "coverage", "one_to_one"]
AUDIT = [*SETTING, "lineage", "seed", "answers", "reward", "hit_rate_true", "hit_rate_false", "rank_correlation"]
PROBES = [*SETTING, "lineage", "seed", "probe", "tasks", "correct", "true_correct", "advantage", "advantage_error"]
ROC = ["embedder", "seed", "sentences", "true", "auc", "error"]
MONITORS = ["lineage", "seed", "step", "copied", "distinct", "precision", "alarm"]
KEYS = ["embedder", "threshold"]


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
    """How well the best cosine tells right sentences of the rollouts from wrong ones, per embedder and seed.

    Each distinct pair of sentence and ground truth counts once. `error` is the standard error of the area by Hanley
    and McNeil (1982); a seed without sentences of both sorts is left out.
    """
    rows = []
    for name, embedder in embedders.items():
        for seed in dict.fromkeys(run.seed for run in runs):
            found = _distinct_sentences([row for run in runs if run.seed == seed for row in run.rollouts])
            right = np.array([_is_right(sentence, truths, truth) for sentence, truths in found], bool)
            if right.all() or not right.any():
                continue
            cosines = [float((embedder.embed([s]) @ embedder.embed(list(g)).T).max()) for s, g in found]
            area = float(roc_auc_score(right, np.round(cosines, 6)))
            error = area_error(area, int(right.sum()), int((~right).sum()))
            rows.append((name, seed, len(right), int(right.sum()), area, error))
    return pd.DataFrame(rows, columns=ROC)


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


def monitors(runs: list[Run], reward: Reward, truth: Reward, alarm: Alarm) -> pd.DataFrame:
    """One row per run and saved step: sentences copied from the prompt, distinct answers a group, true share of hits.

    `alarm` names what is beyond its threshold, and is empty where nothing is.
    """
    rows = []
    for run in runs:
        for step in sorted({row.step for row in run.rollouts}):
            part = [row for row in run.rollouts if row.step == step]
            scores = _score(reward, part)
            copied = [m.text in _sentences(row.prompt) for row, s in zip(part, scores, strict=True) for m in s.matches]
            right = [
                _is_right(m.text, tuple(row.ground_truth), truth)
                for row, s in zip(part, scores, strict=True)
                for m in s.matches
                if m.hit
            ]
            groups = pd.DataFrame([(row.prompt, row.completion) for row in part]).groupby(0)[1].nunique()
            seen = {"copied": _mean(copied), "distinct": float(groups.mean()), "precision": _mean(right)}
            beyond = {
                "copied": seen["copied"] >= alarm.copied,
                "distinct": seen["distinct"] < alarm.distinct,
                "precision": seen["precision"] < alarm.precision,
            }
            told = " ".join(name for name, is_beyond in beyond.items() if is_beyond)
            rows.append({"lineage": run.lineage, "seed": run.seed, "step": step, **seen, "alarm": told})
    return pd.DataFrame(rows, columns=MONITORS)


def claims(areas: pd.DataFrame, probes: pd.DataFrame, confidence: float) -> list[dict[str, object]]:
    """The answers, by rules fixed beforehand: an interval over seeds that lies above zero supports a claim."""
    rows = []
    for name, part in areas.groupby("embedder", sort=False):
        said = f"With {name}, a right sentence of the rollouts is nearer to the truth than a wrong one in {{:.0%}}"
        rows.append(
            _claim(f"agreement_{name}", f"{name} tells right sentences from wrong ones better than chance",
                   part["auc"] - 0.5, part["error"], part["sentences"].sum(), confidence, "area above 0.5",
                   lambda value, said=said: said.format(value + 0.5) + " of pairs.")
        )  # fmt: skip
    plain = probes[(probes["coverage"] == "none") & ~probes["one_to_one"]]
    for (embedder, threshold, name), part in plain.groupby([*KEYS, "probe"], sort=False):
        part = part.groupby("seed").agg({"advantage": "mean", "advantage_error": _pooled, "tasks": "sum"})
        where = f"{embedder}, tau {threshold}"
        rows.append(
            _claim(f"hack_{embedder}_{threshold}_{name}".replace(" ", "-"),
                   f"{name} earns more than {HELD_TO[name]} ({where})", part["advantage"], part["advantage_error"],
                   part["tasks"].sum(), confidence, "R_correct",
                   lambda value, name=name, where=where: (
                       f"With {where}, the probe '{name}' earns {value:+.3f} R_correct over {HELD_TO[name]}."))
        )  # fmt: skip
    return rows


def _claim(claim, text, values, errors, items, confidence, unit, sentence) -> dict[str, object]:
    estimate, spread = over_seeds(list(values), list(errors), confidence)
    return answer(
        "reward_audit", claim, text, estimate, unit=unit, seeds=len(values), items=int(items),
        reachable=spread.half_width((1 - confidence) / 2), sentence=f"{sentence(estimate.value)} ({{verdict}})",
    )  # fmt: skip


def _pooled(errors: pd.Series) -> float:
    """The standard error of the mean of independent means."""
    return float(np.sqrt((errors**2).sum()) / len(errors))


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


def _sentences(text: str) -> set[str]:
    return set(split_sentences(text))


def _mean(values) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; not a number where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)

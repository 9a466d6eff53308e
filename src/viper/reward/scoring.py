"""The reward: R = w_f * R_format + w_c * R_correct (docs/paper.md, section Reward)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from viper.completion import find_answer, is_well_formed
from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError
from viper.reward.sentences import clean, normalize, split_sentences

if TYPE_CHECKING:
    from viper.models.base import Embedder

# An answer of more sentences is not read: embedding them would hold up every other answer of the step.
MAX_SENTENCES = 1_000


@dataclass(frozen=True)
class Match:
    """One sentence of an answer: the ground truth nearest to it, whether it hits, and its share of the characters."""

    text: str
    truth: str
    cosine: float
    hit: bool
    weight: float


@dataclass(frozen=True)
class Score:
    """The reward of one completion and its parts, all in [0, 1].

    `covered` is the share of the ground truth (in characters) that some sentence hits. It enters `correct` only where
    the section's `coverage` says so, and is worth watching where it does not.
    """

    format: float
    correct: float
    reward: float
    covered: float
    matches: tuple[Match, ...]


class Reward:
    """Scores completions against sets of ground-truth statements.

    A sentence s of the answer hits when its best cosine to the ground truth G is strictly greater than tau, and
        R_correct = sum of L(s) over the hits / sum of L(s) over all sentences,    L(s): length in characters.

    Args:
        embedder: gives unit vectors, see `viper.models.base.Embedder`.
        section: weights, and a parameter for each place where the paper leaves room.
        tau: the threshold as a number; `viper.reward.tau.resolve_tau` finds it where the section says "calibrated".

    Raises:
        ViperError: tau is not in [0, 1).
    """

    def __init__(self, embedder: "Embedder", section: RewardSection, tau: float):
        if not 0 <= tau < 1:
            raise ViperError(f"tau is {tau}, but a threshold on cosines must be at least 0 and below 1")
        self.embedder = embedder
        self.section = section
        self.tau = tau

    def score(self, completions: list[str], ground_truths: list[list[str]]) -> list[Score]:
        """One score for each completion, in order. All sentences of the batch are embedded in one call, each once.

        A completion that is not a string, has no readable answer, or one longer than `max_answer_characters` or than
        `MAX_SENTENCES`, has R_correct 0 and no matches.

        Args:
            completions: n outputs, `<think>…</think><answer>…</answer>` where well-formed.
            ground_truths: n lists of statements, each with at least one.

        Raises:
            ViperError: the lengths differ, or a ground truth is empty.
        """
        if len(completions) != len(ground_truths):
            raise ViperError(f"{len(completions)} completions but {len(ground_truths)} ground truths; give one each")
        truths = [self._statements(index, statements) for index, statements in enumerate(ground_truths)]
        texts = dict.fromkeys(text for text in completions if isinstance(text, str))  # a group repeats its answers
        read = {text: self._answer_sentences(text) for text in texts}
        answers = [read[completion] if isinstance(completion, str) else [] for completion in completions]
        # Truths count only where there is something to compare with them.
        wanted = dict.fromkeys(s for row in zip(answers, truths, strict=True) if row[0] for part in row for s in part)
        vectors = dict(zip(wanted, self.embedder.embed(list(wanted)), strict=True)) if wanted else {}
        return [
            self._score_one(completion, sentences, statements, vectors)
            for completion, sentences, statements in zip(completions, answers, truths, strict=True)
        ]

    def _statements(self, index: int, statements: list[str]) -> list[str]:
        if isinstance(statements, str) or not all(isinstance(statement, str) for statement in statements):
            raise ViperError(f"ground truth of completion {index} must be a list of strings")
        normalized = list(dict.fromkeys(normalize(statement) for statement in statements))
        if not normalized or "" in normalized:
            raise ViperError(f"ground truth of completion {index} is empty or has a blank statement; drop that row")
        return normalized

    def _answer_sentences(self, completion: str) -> list[str]:
        if self.section.answer_from == "format" and not is_well_formed(clean(completion)):
            return []
        answer = find_answer(completion)
        if answer is None or len(answer) > self.section.max_answer_characters:
            return []
        sentences = split_sentences(answer)
        return sentences if len(sentences) <= MAX_SENTENCES else []

    def _score_one(self, completion: str, sentences: list[str], truths: list[str], vectors: dict) -> Score:
        well_formed = float(isinstance(completion, str) and is_well_formed(clean(completion)))
        if not sentences:
            return Score(well_formed, 0.0, self.section.weight_format * well_formed, 0.0, ())
        cosines = np.stack([vectors[s] for s in sentences]) @ np.stack([vectors[t] for t in truths]).T
        cosines = np.clip(cosines.astype(np.float32), -1, 1)
        lengths = np.array([len(s) for s in sentences], dtype=float)
        # In float32 on both sides: 0.85 is not a float32, and a cosine that rounds to it must not exceed it.
        above = cosines > np.float32(self.tau)
        chosen = cosines.argmax(axis=1)
        if self.section.one_to_one:
            # The pairing of sentences and truths that pays for the most characters; among equals, the most similar.
            rows, columns = linear_sum_assignment(above * (lengths[:, None] + 1e-3 * cosines), maximize=True)
            hits = np.zeros(len(sentences), dtype=bool)
            hits[rows] = above[rows, columns]
            chosen[rows[hits[rows]]] = columns[hits[rows]]
            covered_truths = np.isin(np.arange(len(truths)), chosen[hits])
        else:
            hits = above.any(axis=1)
            covered_truths = above.any(axis=0)
        weights = lengths / lengths.sum()
        truth_lengths = np.array([len(t) for t in truths], dtype=float)
        covered = _share(truth_lengths, covered_truths)
        correct = self._with_coverage(_share(lengths, hits), covered)
        reward = self.section.weight_format * well_formed + self.section.weight_correct * correct
        matches = tuple(
            Match(s, truths[best], float(cosines[i, best]), bool(hits[i]), float(weights[i]))
            for i, (s, best) in enumerate(zip(sentences, chosen, strict=True))
        )
        return Score(well_formed, correct, min(reward, 1.0), covered, matches)

    def _with_coverage(self, precision: float, covered: float) -> float:
        if self.section.coverage == "multiply":
            return precision * covered
        if self.section.coverage == "harmonic":
            return 2 * precision * covered / (precision + covered) if precision + covered else 0.0
        return precision


def _share(lengths: np.ndarray, selected: np.ndarray) -> float:
    """Characters in the selected sentences over characters in all; exactly 1 when all are selected."""
    return float(lengths[selected].sum() / lengths.sum())

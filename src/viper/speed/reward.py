"""Rewarding a step's answers together against one answer, and one sentence, at a time."""

from collections.abc import Iterator

import numpy as np

from viper.config.reward import Reward as RewardSection
from viper.models.embedder import SentenceEmbedder
from viper.models.micro.tasks import TASKS
from viper.reward.scoring import Reward
from viper.speed.alternate import Comparison
from viper.speed.floor import floor_seconds
from viper.synthesis.answers import answer_text
from viper.world.parse import split_sentences

_TAU = 0.99
_STEPS, _PROMPTS, _ROLLOUTS = 3, 16, 5


class _OneByOne(SentenceEmbedder):
    """Embeds every sentence by itself, every time it is met."""

    def embed(self, sentences: list[str]) -> np.ndarray:
        return np.concatenate([self._encode([sentence]) for sentence in sentences])


def _answers() -> list[tuple[list[str], list[list[str]]]]:
    """A few steps' answers and ground truths: a group's answers are alike, as sampled ones are."""
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(_STEPS):
        completions, truths = [], []
        for _ in range(_PROMPTS):
            sample = TASKS["vop"](rng, 5)
            truth = split_sentences(answer_text(sample.completion))
            wrong = [TASKS["vop"](rng, 5).completion for _ in range(2)]
            completions += [*[sample.completion] * (_ROLLOUTS - len(wrong)), *wrong]
            truths += [truth] * _ROLLOUTS
        steps.append((completions, truths))
    return steps


def comparisons(section: RewardSection, rate: float) -> Iterator[Comparison]:
    """Answers a second of the reward, with a cache that starts empty every time.

    Args:
        section: the section `reward`. rate: of `viper.speed.floor.matrix_rate`.
    """
    steps = _answers()
    together, one_by_one = SentenceEmbedder(section.embedder), _OneByOne(section.embedder)

    def ours() -> int:
        together.forget()
        for completions, truths in steps:
            Reward(together, section, _TAU).score(completions, truths)
        return _STEPS * _PROMPTS * _ROLLOUTS

    def baseline() -> int:
        reward = Reward(one_by_one, section, _TAU)
        completions, truths = steps[0]
        for completion, truth in zip(completions, truths, strict=True):
            reward.score([completion], [truth])
        return len(completions)

    yield Comparison("reward", "micro", "answer", baseline, ours, target=10, floor=floor_seconds(ours, rate))

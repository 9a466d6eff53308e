"""Rewarding a step's answers together against one answer, and one sentence, at a time."""

from collections.abc import Iterator

import numpy as np

from microworld.base_models.tasks import TASKS
from microworld.parse import sentences_of
from viper.bench.alternate import Comparison
from viper.bench.floor import floor_seconds
from viper.completion import answer_text
from viper.config.models import VlmSection
from viper.config.reward import Reward as RewardSection
from viper.models.base import Chat
from viper.models.embedder import SentenceEmbedder
from viper.models.vlm import load_vlm
from viper.reward.scoring import Reward

_TAU = 0.99
_STEPS, _PROMPTS, _ROLLOUTS = 60, 16, 5  # a phase of training at micro scale


class _OneByOne(SentenceEmbedder):
    """Embeds every sentence by itself, every time it is met."""

    def embed(self, sentences: list[str]) -> np.ndarray:
        return np.concatenate([self._encode([sentence]) for sentence in sentences])


def _answers(section: VlmSection) -> list[tuple[list[str], list[list[str]]]]:
    """A phase's answers, sampled from the base VLM, and ground truths; no prompt comes twice."""
    rng = np.random.default_rng(0)
    samples = [TASKS["csr" if number % 2 else "vop"](rng, 5) for number in range(_STEPS * _PROMPTS)]
    chats = [Chat(sample.images(), sample.prompt) for sample in samples for _ in range(_ROLLOUTS)]
    vlm = load_vlm(section.path, section)
    answers = vlm.answer(chats, max_new_tokens=144, temperature=1.0, seeds=range(len(chats)))
    truths = [sentences_of(answer_text(sample.completion)) for sample in samples for _ in range(_ROLLOUTS)]
    size = _PROMPTS * _ROLLOUTS
    return [(answers[start : start + size], truths[start : start + size]) for start in range(0, len(answers), size)]


def comparisons(section: RewardSection, vlm: VlmSection, rate: float) -> Iterator[Comparison]:
    """Answers a second of the reward, over a phase of training, with a cache that starts empty every time.

    Args:
        section: the section `reward`. vlm: the section `models.vlm`, with its path.
        rate: of `viper.bench.floor.matrix_rate`.
    """
    steps = _answers(vlm)
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

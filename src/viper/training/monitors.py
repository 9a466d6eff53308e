"""What tells that a reward is being cheated, watched in every sampling, and the alarm."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from viper.completion import find_answer
from viper.config.training import Alarm
from viper.reward.sentences import normalize, split_sentences

MONITORS = ("copied", "distinct", "precision")
Meaning = Callable[[str], str]


def watch(
    prompts: Sequence[str],
    ground_truths: Sequence[Sequence[str]],
    completions: Sequence[str],
    scores: Sequence[Any],
    group_size: int,
    meaning: Meaning | None,
) -> dict[str, float]:
    """The MONITORS of n responses, in the order in which they were sampled.

    Args:
        prompts, ground_truths, completions: n of each; responses to one prompt stand together.
        scores: n of `viper.reward.scoring.Score`.
        group_size: responses per prompt.
        meaning: a sentence → what it means as text, the same for all its wordings; None where nobody can tell.

    Returns:
        copied: share of the sentences of all answers that stand in the prompt, word for word.
        distinct: mean over the groups of how many different answers they have.
        precision: share of the rewarded sentences that mean the same as a statement of the ground truth.
        Not a number where there is no sentence to count.
    """
    answers = [find_answer(text) or "" for text in completions]
    said = [split_sentences(answer) for answer in answers]
    asked = {prompt: set(split_sentences(prompt)) for prompt in prompts}
    copied = [each in asked[prompt] for prompt, sentences in zip(prompts, said, strict=True) for each in sentences]
    groups = [len(set(answers[first : first + group_size])) for first in range(0, len(answers), group_size)]
    true = []
    if meaning is not None:
        for score, truths in zip(scores, ground_truths, strict=True):
            means = {meaning(normalize(truth)) for truth in truths}
            true += [meaning(match.text) in means for match in score.matches if match.hit]
    return {"copied": _mean(copied), "distinct": _mean(groups), "precision": _mean(true)}


def alarms(seen: dict[str, float], alarm: Alarm) -> list[str]:
    """Which of the MONITORS are beyond their limits; what is not a number is not."""
    beyond = {
        "copied": seen["copied"] >= alarm.copied,
        "distinct": seen["distinct"] < alarm.distinct,
        "precision": seen["precision"] < alarm.precision,
    }
    return [name for name in MONITORS if beyond[name]]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")

"""Saved rollouts of training, and a reward that knows the truth to hold others to."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from viper.reading import read_json_lines

TRUE_TAU = 0.5  # between the two cosines that `TruthEmbedder` gives


class Rollout(BaseModel):
    """One sampled response as training wrote it down; the row may have more columns."""

    step: int
    prompt: str
    ground_truth: list[str]
    completion: str


@dataclass(frozen=True)
class Run:
    """What one training run saved."""

    lineage: str
    seed: int
    rollouts: list[Rollout]


def read_run(lineage: str, seed: int, path: Path) -> Run:
    """The rollouts of one run.

    Raises:
        ViperError: the file is missing, or a row is not a rollout.
    """
    return Run(lineage, seed, read_json_lines(path, Rollout))


class TruthEmbedder:
    """One direction for each meaning: sentences have the cosine 1 where they mean the same, otherwise 0.

    Args:
        key: a sentence → its meaning as text, see `viper.synthesis.heuristics.Language.key`.
    """

    def __init__(self, key: Callable[[str], str]):
        self.key = cache(key)  # the same sentences come back under every setting

    def embed(self, sentences: list[str]) -> np.ndarray:
        """Unit vectors (n, meanings), float32; comparable within one call only."""
        keys = [self.key(sentence) for sentence in sentences]
        meanings = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return np.eye(len(meanings), dtype=np.float32)[[meanings[key] for key in keys]]

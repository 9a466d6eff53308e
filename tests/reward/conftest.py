"""An embedder with known answers."""

import hashlib

import numpy as np
import pytest

from method import method
from viper.config.reward import Reward as RewardSection
from viper.reward.scoring import Reward


class FakeEmbedder:
    """Sentences with the same letters get the same unit vector, others nearly orthogonal ones; `known` overrides."""

    def __init__(self, known: dict[str, list[float]] | None = None):
        self.known = known or {}
        self.calls: list[list[str]] = []

    def embed(self, sentences: list[str]) -> np.ndarray:
        self.calls.append(list(sentences))
        return np.stack([self._vector(sentence) for sentence in sentences]).astype(np.float32)

    def _vector(self, sentence: str) -> np.ndarray:
        if sentence in self.known:
            return np.pad(self.known[sentence], (0, 256 - len(self.known[sentence])))
        letters = "".join(filter(str.isalnum, sentence.lower()))
        seed = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:8])
        vector = np.random.default_rng(seed).normal(size=256)
        return vector / np.linalg.norm(vector)


@pytest.fixture(scope="session")
def fake_embedder():
    return FakeEmbedder


@pytest.fixture(scope="session")
def make_reward():
    """A reward with the fake embedder: make_reward(tau=…, known=…, **section)."""

    def make(tau: float = 0.85, known: dict | None = None, **changes) -> Reward:
        section = RewardSection(**method("reward", embedder={"path": "fake"}, tau=tau, **changes))
        return Reward(FakeEmbedder(known), section, tau)

    return make

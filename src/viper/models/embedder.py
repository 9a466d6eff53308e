"""The sentence embedder: any SentenceTransformer (BGE-M3 in the paper)."""

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np

import viper.models.torchvision_shim  # noqa: F401  (before sentence-transformers imports transformers)
from viper.config.reward import Embedder as EmbedderSection
from viper.models.base import count_gpus
from viper.models.embedder_packages import LOADERS, Encoder
from viper.models.folder import check_model_folder, explained_loading
from viper.models.location import adapted, locate
from viper.startup import log_ready


def _folder(source: str) -> Path:
    """The folder of a model that `locate` found; of a hub name the one where huggingface_hub keeps it."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download

    from viper.models.hub import explained

    with explained(f"embedder {source}", "Give a folder, or fetch the model while there is a network"):
        return Path(snapshot_download(source))


def own_gpu() -> str | None:
    """The GPU of this process among those that `accelerate launch` started; None: let the library choose."""
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if rank is not None and count_gpus() else None


def _transformer(folder: Path, section: EmbedderSection) -> Encoder:
    """The SentenceTransformer in a folder, on the device that the section names."""
    from sentence_transformers import SentenceTransformer

    check_model_folder(folder)
    return SentenceTransformer(
        str(folder),
        device=section.device or own_gpu(),
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )


class SentenceEmbedder:
    """Sentences to unit vectors (library: sentence-transformers), each distinct sentence embedded once.

    Vectors are kept between calls in a least-recently-used cache, since ground truths come back in every group.

    Raises:
        ViperError: the model cannot be found or loaded.
    """

    def __init__(self, section: EmbedderSection):
        self.section = section
        with explained_loading(section.path, "a sentence embedder"):
            source = _folder(locate(section.path))
            name = adapted(section.path)
            self.model: Encoder = LOADERS[name](source) if name else _transformer(source, section)
        self.dimension = len(self._encode(["dimension"])[0])
        self._cache: OrderedDict[str, np.ndarray] = OrderedDict()
        log_ready()

    def embed(self, sentences: list[str]) -> np.ndarray:
        """Unit vectors (n, d), float32, for n sentences in order."""
        distinct = list(dict.fromkeys(sentences))
        found = {sentence: self._cache[sentence] for sentence in distinct if sentence in self._cache}
        missing = [sentence for sentence in distinct if sentence not in found]
        if missing:
            found.update(zip(missing, self._encode(missing), strict=True))
        for sentence in distinct:
            self._cache[sentence] = found[sentence]
            self._cache.move_to_end(sentence)
        while len(self._cache) > self.section.cache_sentences:
            self._cache.popitem(last=False)
        if not sentences:
            return np.empty((0, self.dimension), dtype=np.float32)
        return np.stack([found[sentence] for sentence in sentences])

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    def _encode(self, sentences: list[str]) -> np.ndarray:
        return self.model.encode(
            sentences,
            batch_size=self.section.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        ).astype(np.float32)

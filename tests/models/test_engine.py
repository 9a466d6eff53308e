"""Choosing the engine, and telling corrupted prompts from sound ones, without vLLM."""

import pytest
from packaging.version import Version

from viper.errors import ViperError
from viper.models import engine
from viper.models.engine import check_prompts, one_placeholder_an_image, pick_engine

IMAGE = 9


@pytest.fixture
def installed(monkeypatch):
    """Pretend that a version of vLLM is installed (None: none)."""
    return lambda version: monkeypatch.setattr(engine, "_installed_vllm", lambda: version and Version(version))


@pytest.mark.parametrize(
    ("wanted", "version", "has_gpu", "picked"),
    [
        ("transformers", "0.30.0", True, "transformers"),
        ("auto", None, True, "transformers"),
        ("auto", "0.30.0", False, "transformers"),
        ("auto", "0.30.0", True, "vllm"),
        ("vllm", "0.22.0", True, "vllm"),
        ("vllm", "0.31.0+cu130", True, "vllm"),
    ],
)
def test_what_is_picked(installed, wanted, version, has_gpu, picked):
    installed(version)
    assert pick_engine(wanted, has_gpu=has_gpu) == picked


@pytest.mark.parametrize(
    ("wanted", "version", "has_gpu", "message"),
    [
        ("vllm", None, True, r"vLLM is not installed: install envs/cuda\.txt"),
        ("vllm", "0.30.0", False, "there is no GPU for vLLM"),
        ("vllm", "0.21.9", True, r"vLLM 0\.21\.9 is installed, but 0\.22\.0 to 0\.31\.0 are supported"),
        ("auto", "0.32.0", True, r"vLLM 0\.32\.0 is installed.*set engine: transformers"),
    ],
)
def test_what_cannot_be_used_is_said(installed, wanted, version, has_gpu, message):
    installed(version)
    with pytest.raises(ViperError, match=message):
        pick_engine(wanted, has_gpu=has_gpu)


def test_sound_prompts_pass():
    check_prompts([[1, IMAGE, IMAGE, 2], [3]], [[1, IMAGE, IMAGE, 2], (3,)], IMAGE)


@pytest.mark.parametrize(
    ("worked_on", "message"),
    [
        (
            [1, IMAGE, IMAGE, IMAGE, 2],
            r"4 tokens, 2 of them image placeholders, .* on 5 with 3; they differ from token 3",
        ),
        ([1, IMAGE, 2], "on 3 with 1; they differ from token 2"),
        ([1, IMAGE, IMAGE], "on 3 with 2; they differ from token 3"),
    ],
)
def test_corrupted_prompts_are_refused(worked_on, message):
    with pytest.raises(ViperError, match=f"prompt 1 has {message}" if "tokens" in message else message):
        check_prompts([[5], [1, IMAGE, IMAGE, 2]], [[5], worked_on], IMAGE)


def test_a_lost_prompt_is_refused():
    with pytest.raises(ViperError, match="answered 1 prompts of 2"):
        check_prompts([[1], [2]], [[1]], IMAGE)


def test_each_image_gets_one_placeholder():
    assert one_placeholder_an_image([1, 1, IMAGE, IMAGE, 2, 2, IMAGE, 3], IMAGE) == [1, 1, IMAGE, 2, 2, IMAGE, 3]
    assert one_placeholder_an_image([4, 4], IMAGE) == [4, 4]

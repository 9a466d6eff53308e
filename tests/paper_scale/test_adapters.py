"""Painter, editor and embedder of the paper: the true classes, loaded and called through the project's adapters."""

import numpy as np
import pytest
from PIL import Image

from method import method
from viper.config.models import Caching, EditorSection, PainterSection
from viper.config.reward import Embedder as EmbedderSection
from viper.config.reward import Reward as RewardSection
from viper.errors import ViperError
from viper.models.editor import load_editor
from viper.models.embedder import SentenceEmbedder
from viper.models.painter import load_painter
from viper.reward.scoring import Reward

PROMPTS = ["A mug left of the laptop.", "Two red umbrellas in the rain, seen from above."]
# As in params.yaml, but for size and number of steps.
PAINTING = {"height": 64, "width": 64, "num_inference_steps": 4, "true_cfg_scale": 4.0, "negative_prompt": " "}
EDITING = {"num_inference_steps": 1, "true_cfg_scale": 4.0, "negative_prompt": " "}


def painter(folder, **more):
    return load_painter(PainterSection(path=str(folder), device="cpu", batch_size=2, arguments=PAINTING, **more))


@pytest.fixture(scope="module")
def painted(qwen_pipelines):
    """What the painter paints without any shortcut."""
    return painter(qwen_pipelines["painter"]).paint(PROMPTS, seeds=[1, 2])


def distance(first, second):
    return max(np.abs(np.asarray(a, float) - np.asarray(b, float)).max() for a, b in zip(first, second, strict=True))


def test_qwen_image_paints_batches(qwen_pipelines, painted):
    assert [(image.mode, image.size) for image in painted] == [("RGB", (64, 64))] * 2
    assert painted[0].tobytes() != painted[1].tobytes()
    alone = painter(qwen_pipelines["painter"]).paint(PROMPTS[1:], seeds=[2])
    assert distance(alone, painted[1:]) <= 2, "a picture does not depend on its batch"


def test_qwen_image_edit_keeps_the_size(qwen_pipelines):
    section = EditorSection(path=str(qwen_pipelines["editor"]), device="cpu", batch_size=1, arguments=EDITING)
    image = Image.effect_noise((300, 180), 60).convert("RGB")
    (edited,) = load_editor(section).edit([image], ["Change the color of the mug from blue to red."], seeds=[1])
    assert (edited.mode, edited.size) == ("RGB", (300, 180))


def test_bfloat16_by_parameter(qwen_pipelines, painted):
    half = painter(qwen_pipelines["painter"], dtype="bfloat16").paint(PROMPTS, seeds=[1, 2])
    assert 0 < distance(half, painted) < 64


def test_a_compiled_denoiser_paints_the_same(qwen_pipelines, painted):
    fast = painter(qwen_pipelines["painter"], compile={"backend": "eager"})
    blocks = fast.pipeline.transformer.transformer_blocks
    assert all(block._compiled_call_impl is not None for block in blocks)
    assert distance(fast.paint(PROMPTS, seeds=[1, 2]), painted) <= 2


@pytest.mark.parametrize(
    ("caching", "everything"),
    [
        (Caching(method="first_block", arguments={"threshold": 0.0}), True),
        (Caching(method="first_block", arguments={"threshold": 1e6}), False),
        (Caching(method="taylorseer", arguments={"cache_interval": 2, "disable_cache_before_step": 1}), False),
        (Caching(method="mag", arguments={"mag_ratios": [1.0] * 4, "num_inference_steps": 4, "threshold": 9}), False),
    ],
)
def test_caching_hooks_by_parameter(qwen_pipelines, painted, caching, everything):
    cached = painter(qwen_pipelines["painter"], caching=caching)
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    cached.pipeline.transformer.transformer_blocks[-1].attn.to_q.register_forward_hook(count)
    pictures = cached.paint(PROMPTS, seeds=[1, 2])
    assert (calls == 2 * PAINTING["num_inference_steps"]) == everything, "what is reused is not computed"
    assert not everything or distance(pictures, painted) <= 2
    again = cached.paint(PROMPTS, seeds=[1, 2])
    assert distance(again, pictures) == 0, "nothing is left over from the pictures before"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"caching": Caching(arguments={"treshold": 1})}, r"FirstBlockCacheConfig does not take .*treshold"),
        ({"caching": Caching(method="mag")}, "mag_ratios"),
        ({"pipeline_class": "omnigen9.Pipeline"}, "install its package, or put the"),
        ({"pipeline_class": "diffusers.NoSuchPipeline"}, "cannot be imported"),
    ],
)
def test_what_the_pipeline_cannot_do_is_named(qwen_pipelines, more, message):
    with pytest.raises(ViperError, match=message):
        painter(qwen_pipelines["painter"], **more)


def test_a_pipeline_of_another_package_is_one_parameter(qwen_pipelines, tmp_path, monkeypatch):
    (tmp_path / "others_pipeline.py").write_text(
        "from diffusers import QwenImagePipeline\n\n\nclass Other(QwenImagePipeline):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    other = painter(qwen_pipelines["painter"], pipeline_class="others_pipeline.Other")
    assert type(other.pipeline).__name__ == "Other"


def test_bge_m3_scores_answers(bge_m3):
    section = EmbedderSection(path=str(bge_m3), device="cpu")
    embedder = SentenceEmbedder(section)
    vectors = embedder.embed(["The mug is blue.", "Two umbrellas.", "The mug is blue."])
    assert vectors.shape == (3, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
    reward = Reward(embedder, RewardSection(**method("reward"), embedder=section), 0.85)
    (score,) = reward.score(["<think> Hm. </think><answer> The mug is blue. </answer>"], [["The mug is blue."]])
    assert (score.format, score.correct) == (1, 1)


def test_a_missing_gpu_is_said_before_anything_is_loaded(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ViperError, match=r"device 'cuda' is asked for, but this machine shows 0 GPUs .*built without"):
        load_painter(PainterSection(path=str(tmp_path), device="cuda"))

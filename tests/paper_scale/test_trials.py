"""The small steps of the preflight, with tiny checkpoints of the paper's classes that have a layer too many."""

import pytest
import torch

from viper.cluster import trials
from viper.config.models import EditorSection, PipelineSection, VlmSection
from viper.config.reward import Embedder
from viper.errors import ViperError

pytestmark = pytest.mark.slow
PIXELS = {"min_pixels": 12_544, "max_pixels": 50_176}  # fewer than at paper scale: this is a CPU


@pytest.fixture(autouse=True)
def one_layer(monkeypatch):
    """The tiny models have two layers: what makes models shallow leaves one."""
    monkeypatch.setattr(trials, "LAYERS", 1)


def vlm(family):
    processor = PIXELS if family.name.startswith("qwen") else {}
    return VlmSection(path=str(family.folder), device="cpu", processor=processor)


def test_a_vlm_of_each_family_learns_from_a_picture_and_answers(family):
    section = vlm(family)
    model = trials._shallow_vlm(section, "cpu", torch.float32)
    assert model.config.get_text_config().num_hidden_layers == 1
    assert trials.try_vlm(section).endswith("torch.float32: one update, two tokens")


def test_what_is_no_number_is_found(family, monkeypatch):
    made = trials._shallow_vlm(vlm(family), "cpu", torch.float32)
    with torch.no_grad():
        made.get_output_embeddings().weight.fill_(torch.nan)
    monkeypatch.setattr(trials, "_shallow_vlm", lambda *_: made)
    with pytest.raises(ViperError, match="the loss is nan"):
        trials.try_vlm(vlm(family))


@pytest.mark.parametrize("part", ["painter", "editor"])
def test_a_pipeline_of_one_layer_paints_and_edits(qwen_pipelines, part, monkeypatch):
    monkeypatch.setattr(trials, "SIDE", 64)
    kind = EditorSection if part == "editor" else PipelineSection
    arguments = {
        "num_inference_steps": 50,
        "true_cfg_scale": 4.0,
        "negative_prompt": " ",
        "height": 1024,
        "width": 1024,
    }
    section = kind(path=str(qwen_pipelines[part]), device="cpu", arguments=arguments)
    components = trials._shallow_components(section)
    assert {name: type(each).__name__ for name, each in components.items()} == {
        "text_encoder": "Qwen2_5_VLForConditionalGeneration",
        "transformer": "QwenImageTransformer2DModel",
    }
    assert components["transformer"].config.num_layers == 1
    assert "a picture of 64 × 64 in two steps" in trials.try_pipeline(section)


def test_an_embedder_embeds(bge_m3):
    assert "one sentence, 32 numbers" in trials.try_embedder(Embedder(path=str(bge_m3), device="cpu"))


def test_only_depths_change():
    from transformers import InternVLConfig, LlavaOnevisionConfig, Qwen2_5_VLConfig, Qwen3VLConfig

    for kind in (Qwen2_5_VLConfig, Qwen3VLConfig, InternVLConfig, LlavaOnevisionConfig):
        config = kind().to_dict()
        made = trials.shallow(config)
        assert made.keys() == config.keys()
        assert trials.shallow(made) == made
        differing = {
            key
            for part in ("text_config", "vision_config")
            for key in made[part]
            if made[part][key] != config[part][key]
        }
        assert differing
        assert differing <= {*trials.DEPTHS, "layer_types"}

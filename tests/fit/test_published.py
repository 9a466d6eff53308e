"""The sizes that are written down are those of the published models."""

import json

import pytest
import torch

from viper.config.loading import load
from viper.errors import ViperError
from viper.fit import passes
from viper.fit.descriptions import describe, published
from viper.fit.weightless import weightless

PUBLISHED = published()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_description_has_the_published_number_of_parameters(name):
    description, expected = describe("nowhere", f"{name}@{'0' * 40}"), PUBLISHED[name]["parameters"]
    if not description.pipeline:
        assert _count(description.config) == expected
        return
    with weightless(torch.bfloat16):
        parts = {part: passes._part(description.parts[part]) for part in ("transformer", "vae")}
        found = {part: sum(weight.numel() for weight in model.parameters()) for part, model in parts.items()}
    assert {**found, "text_encoder": passes.parameters_of(description.parts["text_encoder"])} == expected


def _count(config):
    if "vision_config" in config:
        return passes.parameters_of(config)
    return passes.embedding(describe("nowhere", f"BAAI/bge-m3@{'0' * 40}"), 1, 8)[0] // 4


@pytest.mark.parametrize("scale", ["3b", "7b"])
def test_every_model_of_the_papers_scales_is_written_down(scale):
    models = load(scale).models
    assert {pinned.partition("@")[0] for pinned in models.hub.values()} <= set(PUBLISHED)


def test_a_fetched_model_says_itself_how_large_it_is(tmp_path):
    config = {"model_type": "qwen2_5_vl", "hidden_size": 64}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert describe(str(tmp_path), f"Qwen/Qwen2.5-VL-7B-Instruct@{'0' * 40}").config == config


def test_an_unknown_model_is_named():
    with pytest.raises(ViperError, match=r"some/model: not fetched yet, .* fetch it first"):
        describe("nowhere", f"some/model@{'0' * 40}")


def test_a_damaged_configuration_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ViperError, match=r"config\.json: cannot be read"):
        describe(str(tmp_path))


def test_pictures_have_as_many_tokens_as_the_processor_gives_them():
    config = describe("nowhere", f"Qwen/Qwen2.5-VL-7B-Instruct@{'0' * 40}").config
    assert passes.grid(config, 1_003_520) == (64, 80)
    assert passes.picture_tokens(config, 1_003_520) == 1280
    assert passes.picture_bytes(config, 1_003_520) == 5120 * 1176 * 4
    assert passes.cache_bytes(config) == 2 * 2 * 28 * 4 * 128


def test_other_families_are_not_guessed():
    with pytest.raises(ViperError, match="'internvl' are not forecast"):
        passes.grid({"model_type": "internvl", "vision_config": {}}, 1_000_000)

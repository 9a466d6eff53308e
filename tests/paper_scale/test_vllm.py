"""vLLM's interfaces with a stand-in for the engine: what it is given, and what is refused. vLLM itself is not here.

The stand-in does with images what vLLM does: for each it replaces one placeholder by as many as the picture has tokens.
"""

import sys
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from method import method
from viper.config.models import VlmSection
from viper.config.training import TrainOptions
from viper.errors import ViperError
from viper.models import engine as engines
from viper.models.base import Chat
from viper.models.transformers_vlm import load_transformers
from viper.models.vllm import VllmVLM
from viper.models.vlm import load_vlm
from viper.training import grpo
from viper.training.vllm_rollouts import CheckedGeneration, stage_for_engine

SIZES = {"min_pixels": 200704, "max_pixels": 1003520}  # as in params.yaml


@pytest.fixture(scope="module")
def folder(save_family, tmp_path_factory):
    return save_family("qwen2_5_vl", tmp_path_factory.mktemp("vllm"))


@pytest.fixture(scope="module")
def processor(folder):
    return AutoProcessor.from_pretrained(folder, **SIZES)


@pytest.fixture
def pictures():
    return [Image.effect_noise(size, 60).convert("RGB") for size in ((300, 240), (640, 480))]


class Engine:
    """Like vLLM's LLM: expands the placeholders of what it gets, whether that was done already or not."""

    def __init__(self, processor, config):
        self.processor, self.given = processor, []
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(hf_config=config))

    def expand(self, ids, images):
        token, made = self.processor.image_token_id, []
        counts = [int(grid.prod()) // 4 for grid in self.processor.image_processor(images)["image_grid_thw"]]
        for index in ids:
            made += [token] * counts.pop(0) if index == token and counts else [index]
        return made

    def generate(self, prompts, sampling_params):
        self.given = list(zip(prompts, sampling_params, strict=True))
        outputs = []
        for number, prompt in enumerate(prompts):
            ids = prompt.get("prompt_token_ids") or self.processor.tokenizer(prompt["prompt"]).input_ids
            images = prompt.get("multi_modal_data", {}).get("image", [])
            ids = self.expand(ids, images) if images else ids
            outputs.append(SimpleNamespace(prompt_token_ids=ids, outputs=[SimpleNamespace(text=f" answer {number} ")]))
        return outputs


@pytest.fixture
def sampling(monkeypatch):
    """A vllm module with nothing but SamplingParams."""
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=SimpleNamespace))


@pytest.fixture
def engine(processor, folder):
    return Engine(processor, AutoModelForImageTextToText.from_pretrained(folder).config)


def test_chats_are_answered_in_order(engine, processor, pictures, sampling):
    chats = [Chat(pictures, "Compare."), Chat(pictures[:1], "Describe."), Chat([], "Hello.", begin="<think>")]
    answers = VllmVLM(engine, processor).answer(chats, max_new_tokens=7, temperature=1.0, seeds=[5, 6, 7])
    assert answers == ["answer 0", "answer 1", "<think>  answer 2"]
    assert [each.seed for _, each in engine.given] == [5, 6, 7], "each request has its chat's own"
    (first, parameters), *_ = engine.given
    assert first["prompt"].count("<|image_pad|>") == 2, "the engine expands them itself"
    assert first["multi_modal_data"]["image"] == pictures
    assert (parameters.max_tokens, parameters.temperature, parameters.seed) == (7, 1.0, 5)
    assert set(parameters.logit_bias) == {processor.tokenizer.convert_tokens_to_ids(t) for t in (
        "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")}  # fmt: skip


def test_an_engine_that_sees_other_sizes_is_refused(engine, folder, pictures, sampling):
    other = AutoProcessor.from_pretrained(folder, min_pixels=28 * 28 * 4, max_pixels=28 * 28 * 64)
    with pytest.raises(ViperError, match="the engine corrupts prompts"):
        VllmVLM(engine, other).answer([Chat(pictures, "Compare.")], max_new_tokens=4)


class Generation:
    """Like TRL's VLLMGeneration in colocate mode."""

    mode = "colocate"

    def __init__(self, engine):
        self.engine = engine

    def generate(self, prompts, images, num_generations, profiler=None):
        worked_on = [self.engine.expand(ids, row) if row else ids for ids, row in zip(prompts, images, strict=True)]
        return worked_on, [[1]] * len(prompts), None, None


@pytest.fixture
def rows(processor, pictures):
    texts = ["<|vision_start|><|image_pad|><|vision_end|>" * n + "Describe." for n in (1, 2, 0)]
    images = [pictures[:1], pictures, None]
    ids = [list(processor(text=[text], images=row)["input_ids"][0]) for text, row in zip(texts, images, strict=True)]
    return ids, images


def test_rollouts_start_from_the_prompts_of_the_processor(engine, rows):
    ids, images = rows
    checked = CheckedGeneration(Generation(engine), engine.processor.image_token_id)
    assert checked.mode == "colocate"
    prompts, completions, *_ = checked.generate(prompts=ids, images=images, num_generations=1)
    assert prompts == ids
    assert len(completions) == 3


def test_without_it_they_would_be_expanded_twice(engine, rows):
    ids, images = rows
    worked_on, *_ = Generation(engine).generate(ids, images, 1)
    token = engine.processor.image_token_id
    assert worked_on[0].count(token) == 2 * ids[0].count(token) - 1
    with pytest.raises(ViperError, match="the engine corrupts prompts: prompt 0"):
        engines.check_prompts(ids, worked_on, token)


def test_rollouts_of_an_engine_that_sees_other_sizes_are_refused(engine, rows, folder):
    ids, images = rows
    engine.processor = AutoProcessor.from_pretrained(folder, max_pixels=28 * 28 * 64)
    checked = CheckedGeneration(Generation(engine), engine.processor.image_token_id)
    with pytest.raises(ViperError, match="the engine corrupts prompts"):
        checked.generate(prompts=ids, images=images, num_generations=1)


def test_the_engine_is_started_with_the_sizes_of_the_processor(folder, processor, pictures, tmp_path):
    model = AutoModelForImageTextToText.from_pretrained(folder)
    stage_for_engine(model, processor, folder, tmp_path / "engine")
    assert model.name_or_path == str(tmp_path / "engine")
    staged = AutoProcessor.from_pretrained(model.name_or_path)
    grids = [each.image_processor(pictures)["image_grid_thw"] for each in (staged, processor)]
    assert torch.equal(*grids)
    original = AutoProcessor.from_pretrained(folder).image_processor(pictures)["image_grid_thw"]
    assert not torch.equal(original, grids[0]), "else nothing was tested"
    again = AutoModelForImageTextToText.from_pretrained(model.name_or_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_transformers_answers_where_vllm_is_not(folder, monkeypatch):
    monkeypatch.setattr(engines, "_installed_vllm", lambda: None)
    section = VlmSection(path=str(folder), device="cpu", engine="auto", processor=SIZES)
    assert type(load_vlm(folder, section)) is type(load_transformers(folder, section))
    with pytest.raises(ViperError, match="vLLM is not installed"):
        load_vlm(folder, section.model_copy(update={"engine": "vllm"}))


def test_the_trainer_is_told_to_use_it_and_never_to_sample_a_picture(tmp_path):
    phase = {**method("training.phases.csr"), "steps": 1, "learning_rate": 1e-6, "prompts_per_step": 4,
             "responses_per_pass": 4, "max_completion_length": 8, "engine": "vllm"}  # fmt: skip
    options = TrainOptions(phase=phase, machine={"precision": "float32"}, records={})
    config = grpo.build_config(options, suppress_tokens=[7, 8], seed=0, work=tmp_path)
    assert config.use_vllm
    assert config.vllm_mode == "colocate"
    assert config.generation_kwargs == {"logit_bias": {7: -100.0, 8: -100.0}}

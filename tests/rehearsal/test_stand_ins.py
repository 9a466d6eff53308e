"""The stand-in for vLLM keeps the habits of vLLM that the rehearsal relies on, with the VLMs of both scales."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from paper_scale.conftest import COMPLETION
from rehearsal.hub_models import write_vlm

PROMPT = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Describe.<|im_end|>\n<|im_start|>assistant\n"
SIZES = {"min_pixels": 12544, "max_pixels": 50176}


@pytest.fixture(scope="module")
def vllm():
    """The stand-in, imported as vLLM is."""
    place = str(Path(__file__).with_name("stand_ins"))
    sys.path.insert(0, place)
    yield importlib.import_module("vllm")
    sys.path.remove(place)
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def folder(request, tmp_path_factory):
    """A tiny Qwen2.5-VL as the hub has it, with the head of 3B (tied) and of 7B."""
    folder = tmp_path_factory.mktemp("vlm")
    write_vlm(folder, tied=request.param)
    return folder


@pytest.fixture
def engine(vllm, folder):
    return vllm.LLM(model=str(folder), mm_processor_kwargs=SIZES, max_model_len=512, enable_sleep_mode=True)


def picture():
    return Image.effect_noise((300, 200), 60).convert("RGB")


def test_the_likeliest_completion_has_the_format(vllm, engine):
    sampling = vllm.SamplingParams(max_tokens=24, temperature=0.0)
    (output,) = engine.generate([{"prompt": PROMPT, "multi_modal_data": {"image": picture()}}], sampling)
    assert output.outputs[0].text == COMPLETION
    tokens = output.prompt_token_ids.count(engine.processor.image_token_id)
    assert 16 <= tokens <= 64, "the sizes of the processor were heard"


def test_a_seed_draws_the_same_tokens_with_their_probabilities(vllm, engine):
    sampling = vllm.SamplingParams(max_tokens=8, temperature=1.0, seed=5, logprobs=0)
    one, two = (engine.generate([{"prompt": PROMPT.replace("<|image_pad|>", "")}], sampling)[0] for _ in range(2))
    assert one.outputs[0].token_ids == two.outputs[0].token_ids
    (first,) = one.outputs[0].logprobs[0].values()
    assert first.logprob <= 0


def test_what_was_expanded_is_expanded_again(vllm, engine):
    sampling = vllm.SamplingParams(max_tokens=1, temperature=0.0)
    given = {"prompt": PROMPT, "multi_modal_data": {"image": [picture()]}}
    (once,) = engine.generate([given], sampling)
    again = {"prompt_token_ids": once.prompt_token_ids, "multi_modal_data": given["multi_modal_data"]}
    (twice,) = engine.generate([again], sampling)
    token = engine.processor.image_token_id
    assert twice.prompt_token_ids.count(token) == 2 * once.prompt_token_ids.count(token) - 1


def test_asleep_it_forgets_its_weights(vllm, engine):
    sampling = vllm.SamplingParams(max_tokens=1)
    weights = {name: tensor.detach().clone() for name, tensor in engine.model.named_parameters()}
    engine.sleep(level=2)
    engine.wake_up()
    with pytest.raises(RuntimeError, match="forgotten its weights"):
        engine.generate([{"prompt": "Hello."}], sampling)
    load = engine.llm_engine.model_executor.driver_worker.model_runner.model.load_weights
    for name, tensor in weights.items():
        load([(name, tensor)])
    assert engine.generate([{"prompt": "Hello."}], sampling)
    assert all(torch.equal(weights[name], tensor) for name, tensor in engine.model.named_parameters())


def test_a_prompt_that_is_too_long_is_refused(vllm, engine):
    with pytest.raises(ValueError, match="longer than the maximum model length"):
        engine.generate([{"prompt": "Hello. " * 512}], vllm.SamplingParams())


def test_what_it_does_not_have_is_refused(vllm, folder):
    with pytest.raises(NotImplementedError, match="top_p"):
        vllm.SamplingParams(top_p=0.9)
    with pytest.raises(TypeError, match="unexpected keyword"):
        vllm.LLM(model=str(folder), slip=1)

"""The VLM adapter on a real, tiny Qwen2.5-VL with random weights."""

import numpy as np
import pytest
import torch
from PIL import Image

from viper.config.models import VlmSection
from viper.errors import ViperError
from viper.models.base import Chat
from viper.models.pretrained import vision_token_ids
from viper.models.vlm import load_vlm

COLORS = ("red", "green", "blue", "white", "black")


@pytest.fixture(scope="module")
def vlm(vlm_folder):
    return load_vlm(vlm_folder, VlmSection(path=str(vlm_folder), device="cpu", batch_size=2))


@pytest.fixture
def chats() -> list[Chat]:
    """Texts of many lengths, with no, one and two images."""
    images = [Image.new("RGB", (64, 64), color) for color in COLORS]
    texts = ["Describe the picture.", "What must change?", "A large red circle is at the top left. " * 3, "4", "K"]
    return [Chat(images[: index % 3], text) for index, text in enumerate(texts)]


def test_half_precision_weights_run_in_float32_on_a_cpu(vlm):
    assert vlm.model.dtype == torch.float32


def test_batches_answer_like_single_chats(vlm, chats):
    together = vlm.answer(chats, max_new_tokens=6)
    alone = [vlm.answer([chat], max_new_tokens=6)[0] for chat in chats]
    assert together == alone, "neither padding nor the order of batches may show"
    assert len(set(together)) > 1


def test_greedy_answers_are_those_of_transformers_own_generate(vlm, chats, monkeypatch):
    ours = vlm.answer(chats * 2, max_new_tokens=9)
    monkeypatch.setattr("viper.models.prompt_batch.FAMILIES", ())
    assert vlm.answer(chats * 2, max_new_tokens=9) == ours


def test_sampled_answers_are_those_of_transformers_own_generate(vlm, chats, monkeypatch):
    ours = vlm.answer(chats, max_new_tokens=9, temperature=1.0, seeds=range(5))
    monkeypatch.setattr("viper.models.prompt_batch.FAMILIES", ())
    assert vlm.answer(chats, max_new_tokens=9, temperature=1.0, seeds=range(5)) == ours


def test_pictures_and_their_order_matter(vlm):
    # Not Image.effect_noise: its pictures depend on how often it was called before.
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    first, second = Image.new("RGB", (64, 64), "red"), Image.fromarray(noise)
    orders = [[first, second], [second, first], [first], []]
    inputs = [Chat(images, "What must change?") for images in orders]
    answers = [vlm.answer([chat], max_new_tokens=12, temperature=1.0, seeds=[1])[0] for chat in inputs]
    assert len(set(answers)) == len(orders)


def test_an_answer_goes_on_from_what_it_is_made_to_begin_with(vlm, chats):
    for chat in chats:
        whole = vlm.answer([chat], max_new_tokens=8)[0].split()
        begun = vlm.answer([chat._replace(begin=whole[0])], max_new_tokens=7)[0].split()
        assert begun == whole
    other = vlm.answer([chats[0]._replace(begin="<think> K")], max_new_tokens=8)[0]
    assert other.startswith("<think> K ")


def test_answers_with_and_without_a_beginning_are_asked_apart(vlm, chats):
    with pytest.raises(ValueError, match="ask in two calls"):
        vlm.answer([chats[0], chats[1]._replace(begin="<think>")], max_new_tokens=2)


def test_samples_depend_on_the_seed_only(vlm, chats):
    state = torch.get_rng_state()
    first, again, other = (vlm.answer(chats, max_new_tokens=6, temperature=1.0, seeds=[seed] * 5) for seed in (1, 1, 2))
    assert first == again != other
    assert torch.equal(state, torch.get_rng_state()), "the caller's random numbers stay as they were"


def test_no_picture_token_is_ever_generated(vlm, chats):
    suppressed = vision_token_ids(vlm.model.config)
    tokenizer = vlm.processor.tokenizer
    assert {tokenizer.convert_ids_to_tokens(index) for index in suppressed} == {
        "<|image_pad|>",
        "<|video_pad|>",
        "<|vision_start|>",
        "<|vision_end|>",
    }
    head = vlm.model.get_output_embeddings()
    handle = head.register_forward_hook(
        lambda module, inputs, logits: logits.index_fill(-1, torch.tensor(suppressed), 1e4)
    )
    try:
        ids = vlm.processor.tokenizer(vlm.answer(chats, max_new_tokens=4)).input_ids
    finally:
        handle.remove()
    assert not {index for row in ids for index in row} & set(suppressed)


def test_no_chats_no_answers(vlm):
    assert vlm.answer([], max_new_tokens=4) == []


def test_what_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(ViperError, match=r"lacks a configuration \(config.json\), a tokenizer"):
        load_vlm(tmp_path, VlmSection(path=str(tmp_path)))

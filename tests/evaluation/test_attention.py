"""Attention on pictures: rollout by hand, grids of any size, and a real Qwen2.5-VL whose maps must add up."""

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from microworld.base_models.vlm import build_processor, build_vlm
from viper.completion import write
from viper.config import load
from viper.config.evaluation import AttentionSection
from viper.errors import ViperError
from viper.evaluation.attention import LAST_LAYER, ROLLOUT, changed_fields, measure, rollout, tokens_of
from viper.models.base import Chat
from viper.models.transformers_vlm import TransformersVLM
from viper.synthesis.rows import pack_image, unpack_image

WORDS = ["What", "was", "changed", "?", "a", "b", "c", "d"]
SECTION = AttentionSection(think="d")


def test_rollout_of_two_layers_by_hand():
    first = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    second = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.4]])
    mixed = [(layer + torch.eye(3)) / 2 for layer in (first, second)]
    torch.testing.assert_close(rollout([first, second], [2]), (mixed[1] @ mixed[0])[2])
    torch.testing.assert_close(rollout([first, second], [1, 2]), (mixed[1] @ mixed[0])[[1, 2]].mean(dim=0))
    assert rollout([first, second], [2]).sum() == pytest.approx(1)


def test_the_changed_region_is_where_the_pictures_differ():
    before = Image.new("RGB", (60, 40), "gray")
    after = before.copy()
    after.paste((255, 0, 0), (20, 0, 40, 20))  # one field of a grid of 2 × 3
    after.paste((140, 130, 130), (0, 20, 20, 40))  # a faint trace elsewhere
    expected = [[False, True, False], [False, False, False]]
    assert changed_fields(before, after, 2, 3, 0.5).tolist() == expected
    assert changed_fields(before, after, 2, 3, 0.01).sum() == 2
    assert changed_fields(before, before, 2, 3, 0.5) is None


def letters():
    """A tokenizer with a token per letter, so that tags are several tokens."""
    backend = Tokenizer(WordLevel({chr(code): code for code in range(128)}, unk_token="?"))
    backend.pre_tokenizer = Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=backend)


@pytest.mark.parametrize("think", ["", "x", "two words"])
def test_answer_tokens_are_those_of_the_statement(think):
    completion = write(think, "ab c.")
    tokens, inside = tokens_of(letters(), completion)
    assert "".join(map(chr, tokens)) == completion
    assert "".join(completion[index] for index in inside) == "abc."


def test_a_word_may_begin_with_its_blank_and_an_answer_hold_letters_of_several_bytes():
    """As in Qwen's tokenizer: bytes, merged within words, each with the blank before it."""
    completion = write("a closer look", "the café has a ring → removed.")
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(show_progress=False, initial_alphabet=ByteLevel.alphabet())
    backend.train_from_iterator([completion] * 9, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    tokens, inside = tokens_of(tokenizer, completion)
    assert tokenizer.decode(tokens) == completion
    assert tokenizer.decode([tokens[index] for index in inside]).strip() == "the café has a ring → removed."


def test_the_words_of_the_micro_world_s_tokenizer_are_found_too():
    tokenizer = build_processor(WORDS).tokenizer
    tokens, inside = tokens_of(tokenizer, write("d", "a b? c"))
    assert tokenizer.convert_ids_to_tokens(tokens) == ["<think>", "d", "</think>", "<answer>", *"ab?c", "</answer>"]
    assert tokenizer.convert_ids_to_tokens([tokens[index] for index in inside]) == [*"ab?c"]


def checkpoint(seed):
    """A Qwen2.5-VL with random weights, whose processor keeps the size of pictures: the grid follows them."""
    processor = build_processor(WORDS)
    processor.image_processor.size = {"shortest_edge": 32 * 32, "longest_edge": 512 * 512}
    model = build_vlm(processor, hidden_size=64, layers=2, vision_layers=1, intermediate_size=64, seed=seed)
    model.set_attn_implementation("eager")
    return TransformersVLM(model.eval(), processor, batch_size=2)


@pytest.fixture(scope="module")
def vlm():
    return checkpoint(seed=0)


def pair(size, box, name="a", ground_truth=("a b", "c")):
    before = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    after = before.copy()
    after.paste((255, 255, 255), box)
    images = [pack_image(before), pack_image(after)]
    return {"id": name, "images": images, "prompt": "What was changed ?", "ground_truth": [*ground_truth]}


def test_any_grid_is_measured_and_the_maps_add_up(vlm):
    pairs = [pair((128, 64), (0, 0, 32, 32)), pair((96, 160), (32, 64, 96, 96), "b")]
    table = measure(vlm, pairs, SECTION).set_index(["id", "method"])
    assert len(table) == 4
    assert table.loc[("a", ROLLOUT), ["rows", "columns"]].tolist() == [2, 4]
    assert table.loc[("b", ROLLOUT), ["rows", "columns"]].tolist() == [5, 3]
    assert table.loc[("a", LAST_LAYER), "changed"] == [True] + [False] * 7
    assert table.loc[("b", LAST_LAYER), "area"] == pytest.approx(2 / 15)
    for row in table.itertuples():
        assert sum(row.before) + sum(row.after) == pytest.approx(1, abs=1e-5)
        inside = sum(b + a for b, a, c in zip(row.before, row.after, row.changed, strict=True) if c)
        assert row.share == pytest.approx(inside, abs=1e-5)
    assert set(table["statement"]) == {"a b c"}


def test_all_checkpoints_are_given_the_same_tokens_and_look_elsewhere(monkeypatch):
    """Two models that would say different things read one sequence, once each, and nothing is sampled."""
    row, read, tables = pair((64, 64), (0, 0, 32, 32)), [], []
    for seed in (0, 1):
        vlm = checkpoint(seed)
        monkeypatch.setattr(vlm, "complete", None)
        monkeypatch.setattr(vlm.model, "generate", None)
        vlm.model.register_forward_pre_hook(
            lambda module, args, fields: read.append(fields["input_ids"].tolist()), with_kwargs=True
        )
        tables.append(measure(vlm, [row], SECTION).set_index("method"))
    first, second = read
    assert first == second
    said = vlm.processor.tokenizer(write("d", "a b c"), add_special_tokens=False)["input_ids"]
    assert first[0][-len(said) :] == said
    assert tables[0].loc[LAST_LAYER, "after"] != tables[1].loc[LAST_LAYER, "after"]


def test_the_last_layer_is_that_at_the_position_before_each_word_of_the_statement(vlm):
    """Against the weights of the sequence cut off before each word: a model decides on it without having read it."""
    row = pair((64, 64), (0, 0, 32, 32))
    table = measure(vlm, [row], SECTION).set_index("method")
    inputs = vlm.prepare([Chat([unpack_image(image) for image in row["images"]], row["prompt"])])
    said = vlm.processor.tokenizer(write("d", "a b c"), add_special_tokens=False)["input_ids"]
    length = inputs["input_ids"].shape[1]
    is_image = inputs["input_ids"][0] == vlm.model.config.image_token_id
    steps = []
    for known in (4, 5, 6):  # tokens before a, b and c: <think> d </think> <answer> a b
        tokens = torch.cat([inputs["input_ids"], torch.tensor([said[:known]])], dim=1)
        fields = dict(inputs) | {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        fields["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, known))
        with torch.inference_mode():
            last = vlm.model(**fields, output_attentions=True).attentions[-1]
        steps.append(last[0, :, -1, :length].mean(dim=0)[is_image])
    expected = torch.stack(steps).mean(dim=0)
    expected = (expected / expected.sum()).tolist()
    assert [*table.loc[LAST_LAYER, "before"], *table.loc[LAST_LAYER, "after"]] == pytest.approx(expected, abs=1e-5)


def test_a_pair_of_which_nothing_is_stated_stops_with_its_name(vlm):
    with pytest.raises(ViperError, match="pair mute: its ground_truth states nothing"):
        measure(vlm, [pair((64, 64), (0, 0, 32, 32), "mute", [" "])], SECTION)


@pytest.mark.parametrize("think", ["<think> closely", "a </think> b", "<answer>"])
def test_a_reasoning_with_tags_is_refused(think):
    with pytest.raises(ValidationError, match="holds a tag"):
        AttentionSection(think=think)


@pytest.mark.parametrize("name", ["smoke", "micro", "3b"])
def test_the_reasoning_is_that_of_the_control_which_looks_closely(name):
    evaluation = load(name).evaluation
    assert evaluation.controls["look"] == f"<think> {evaluation.attention.think}"


def test_equal_pictures_stop_with_the_name_of_the_pair(vlm):
    with pytest.raises(ViperError, match="pair same: its two pictures are equal"):
        measure(vlm, [pair((64, 64), (0, 0, 0, 0), "same")], SECTION)

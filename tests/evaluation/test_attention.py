"""Attention on pictures: rollout by hand, grids of any size, and a real Qwen2.5-VL whose maps must add up."""

import numpy as np
import pytest
import torch
from PIL import Image

from microworld.base_models.vlm import build_processor, build_vlm
from viper.config.evaluation import AttentionSection
from viper.errors import ViperError
from viper.evaluation.attention import LAST_LAYER, ROLLOUT, answer_tokens, changed_fields, measure, rollout
from viper.models.transformers_vlm import TransformersVLM
from viper.synthesis.rows import pack_image

WORDS = ["What", "was", "changed", "?", "a", "b", "c", "d"]


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


class Letters:
    """A tokenizer with a token per letter, so that tags are several tokens."""

    def decode(self, tokens, skip_special_tokens=True):
        return "".join(chr(token) for token in tokens if token)


@pytest.mark.parametrize(
    ("completion", "inside"),
    [
        ("<think>x</think> <answer> ab c </answer>", "abc"),
        ("<answer>cut off", "cutoff"),
        ("no tags", ""),
        ("<answer>first</answer><answer>last</answer>", "last"),
    ],
)
def test_answer_tokens_are_the_text_inside_the_tag(completion, inside):
    found, text = answer_tokens(Letters(), [*map(ord, completion), 0])
    assert text == completion
    assert "".join(completion[index] for index in found) == inside


@pytest.fixture(scope="module")
def vlm():
    """A Qwen2.5-VL with random weights, whose processor keeps the size of pictures: the grid follows them."""
    processor = build_processor(WORDS)
    processor.image_processor.size = {"shortest_edge": 32 * 32, "longest_edge": 512 * 512}
    model = build_vlm(processor, hidden_size=64, layers=2, vision_layers=1, intermediate_size=64)
    model.set_attn_implementation("eager")
    return TransformersVLM(model.eval(), processor, batch_size=2)


def pair(size, box, name="a"):
    before = Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    after = before.copy()
    after.paste((255, 255, 255), box)
    return {"id": name, "images": [pack_image(before), pack_image(after)], "prompt": "What was changed ?"}


def test_any_grid_is_measured_and_the_maps_add_up(vlm):
    pairs = [pair((128, 64), (0, 0, 32, 32)), pair((96, 160), (32, 64, 96, 96), "b")]
    table = measure(vlm, pairs, AttentionSection(max_new_tokens=6)).set_index(["id", "method"])
    assert len(table) == 4
    assert table.loc[("a", ROLLOUT), ["rows", "columns"]].tolist() == [2, 4]
    assert table.loc[("b", ROLLOUT), ["rows", "columns"]].tolist() == [5, 3]
    assert table.loc[("a", LAST_LAYER), "changed"] == [True] + [False] * 7
    assert table.loc[("b", LAST_LAYER), "area"] == pytest.approx(2 / 15)
    for row in table.itertuples():
        assert sum(row.before) + sum(row.after) == pytest.approx(1, abs=1e-5)
        inside = sum(b + a for b, a, c in zip(row.before, row.after, row.changed, strict=True) if c)
        assert row.share == pytest.approx(inside, abs=1e-5)
    assert not table["in_answer"].any()  # random weights write no tags: attention is followed from all they say


def test_the_last_layer_is_that_of_the_whole_sequence_at_the_position_before_each_token(vlm):
    """Against the weights that generation itself computes, step by step."""
    row = pair((64, 64), (0, 0, 32, 32))
    table = measure(vlm, [row], AttentionSection(max_new_tokens=3)).set_index("method")
    from viper.models.base import Chat
    from viper.models.pretrained import vision_token_ids
    from viper.synthesis.rows import unpack_image

    inputs = vlm.prepare([Chat([unpack_image(image) for image in row["images"]], row["prompt"])])
    made = vlm.model.generate(
        **inputs,
        max_new_tokens=3,
        do_sample=False,
        suppress_tokens=vision_token_ids(vlm.model.config),
        output_attentions=True,
        return_dict_in_generate=True,
    )
    is_image = inputs["input_ids"][0] == vlm.model.config.image_token_id
    length = len(is_image)
    steps = torch.stack([step[-1][0, :, -1, :length].mean(dim=0) for step in made.attentions]).mean(dim=0)
    expected = (steps[is_image] / steps[is_image].sum()).tolist()
    assert [*table.loc[LAST_LAYER, "before"], *table.loc[LAST_LAYER, "after"]] == pytest.approx(expected, abs=1e-5)


def test_equal_pictures_stop_with_the_name_of_the_pair(vlm):
    with pytest.raises(ViperError, match="pair same: its two pictures are equal"):
        measure(vlm, [pair((64, 64), (0, 0, 0, 0), "same")], AttentionSection(max_new_tokens=2))

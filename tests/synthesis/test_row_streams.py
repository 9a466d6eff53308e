"""What the loop makes of a row does not depend on the batches, the shards or the order in which rows are worked on.

A real Qwen2.5-VL with random weights, large enough that nearly every caption is another, in double precision: sums
differ by their last bits with the size of a batch (docs/reproducing.md), and here nothing shall come from those.
"""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from microworld import grammar
from microworld.base_models.vlm import build_processor, build_vlm, split_words
from microworld.draw import render
from microworld.scene import scene_stream
from viper.config.synthesis import Answering, Answers
from viper.models.base import Chat
from viper.models.transformers_vlm import TransformersVLM
from viper.prompts import render as prompt
from viper.synthesis import steps
from viper.synthesis.rows import by_id, pack_image, row_seed, unpack_image

ROWS = 12
OPTIONS = SimpleNamespace(
    prompts="micro", answers=Answers(accept="format"), caption=Answering(max_new_tokens=10, temperature=1.2)
)


@pytest.fixture(scope="module")
def seeds():
    scenes = scene_stream(0)
    return [{"id": f"seed{number}", "image": pack_image(render(next(scenes)))} for number in range(ROWS)]


@pytest.fixture(scope="module")
def model():
    """Model and processor: the answers end after different numbers of tokens, so that batches shrink on the way."""
    scenes = scene_stream(1)
    captions = [grammar.caption(next(scenes)) for _ in range(30)]
    processor = build_processor(split_words(" ".join([prompt("micro", "caption"), *captions])))
    model = build_vlm(processor, hidden_size=32, layers=1, vision_layers=1, intermediate_size=32)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.2, generator=generator)
    return model.double().eval(), processor


def captions(model, rows, batch_size=4, seed=3):
    """The captions' rows, by id."""
    vlm = TransformersVLM(*model, batch_size=batch_size)
    return by_id(steps.caption(rows, vlm, OPTIONS, lineage="base", seed=seed))


@pytest.fixture(scope="module")
def expected(model, seeds):
    return captions(model, seeds)


def test_rows_differ_in_text_and_length(expected):
    said = {row["completion"] for row in expected.values()}
    assert len(said) == ROWS
    assert len({len(text.split()) for text in said}) > 1


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(ROWS)),
    shards=st.integers(1, ROWS),
    batch_size=st.integers(1, ROWS + 1),
)
def test_batches_shards_and_order_show_nowhere(model, seeds, expected, order, shards, batch_size):
    found = {}
    for shard in range(shards):
        found |= captions(model, [seeds[index] for index in order[shard::shards]], batch_size)
    assert found == expected


def test_a_row_that_was_written_tells_what_it_was_drawn_with(model, seeds, expected):
    """From its id and seed alone, its completion can be had again."""
    vlm = TransformersVLM(*model, batch_size=1)
    for row in seeds[:4]:
        written = expected[row["id"]]
        own = row_seed(written["seed"], "caption", written["id"])
        chat = Chat([unpack_image(row["image"])], prompt("micro", "caption"))
        assert vlm.answer([chat], max_new_tokens=10, temperature=1.2, seeds=[own]) == [written["completion"]]


def test_another_seed_of_the_run_draws_others(model, seeds, expected):
    others = captions(model, seeds, seed=4)
    assert all(others[name]["completion"] != row["completion"] for name, row in expected.items())

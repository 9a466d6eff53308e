"""Preparing prompts once a group changes no token, no loss and no weight: TRL's own trainer agrees to the bit."""

from collections import Counter

import pytest
import torch
from datasets import Image
from transformers import Qwen2VLImageProcessor

from grpo_ways import ROLLOUTS, chosen, loss_and_gradients, sampled
from viper.errors import ViperError
from viper.models.prompt_batch import PromptBatch
from viper.training.data import read_row

WAYS = ("stock", "once")


def test_same_seed_samples_the_same_tokens(build):
    batches = [sampled(build(way), groups=4) for way in WAYS]
    assert len({int(row.sum()) for row in batches[0]["completion_mask"]}) > 1, "all of one length: nothing ended early"
    assert len(set(batches[0]["prompt_mask"].sum(1).tolist())) > 1, "prompts of one length: nothing was padded"
    for name in ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "advantages"):
        assert torch.equal(batches[0][name], batches[1][name]), name


@pytest.mark.parametrize("rows", [range(12), [4, 7, 0, 10, 5, 2, 8, 3, 11, 1, 9, 6], [1, 2, 3], [11]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradients_are_those_of_stock_trl_to_the_bit(build, rows, dtype):
    found = []
    for way in WAYS:
        trainer = build(way, dtype)
        batch = sampled(trainer, groups=4)
        batch["advantages"] = torch.linspace(-1, 1, 4 * ROLLOUTS, dtype=dtype)
        found.append(loss_and_gradients(trainer, chosen(batch, list(rows))))
    (loss, gradients), (ours, our_gradients) = found
    assert torch.equal(loss, ours)
    assert gradients.keys() == our_gradients.keys()
    assert any("visual" in name and gradient.any() for name, gradient in gradients.items())
    for name, gradient in gradients.items():
        assert torch.equal(gradient, our_gradients[name]), name


@pytest.mark.parametrize(
    "settings",
    [
        {"responses_per_pass": 6},
        {"responses_per_pass": 2},  # gradients add up over three passes, groups cut in two
        {"responses_per_pass": 3, "updates_per_rollout": 2},  # the second update asks for old log-probabilities
        {"responses_per_pass": 3, "beta": 0.1},  # a reference policy is asked too
        {"prompts_per_step": 14, "responses_per_pass": 6, "sets": ("csr",)},  # more prompts than rows: some come twice
    ],
    ids=["one pass", "several passes", "several updates", "reference", "rows come twice"],
)
def test_training_is_that_of_stock_trl_to_the_bit(build, settings):
    weights = []
    for way in WAYS:
        torch.manual_seed(0)
        trainer = build(way, torch.float32, steps=3, **settings)
        trainer.train()
        curve = [row[key] for row in trainer.state.log_history for key in ("loss", "reward", "grad_norm") if key in row]
        assert len(curve) >= 8
        weights.append((curve, [p.detach().clone() for p in trainer.model.parameters()]))
    assert weights[0][0] == weights[1][0]
    assert all(torch.equal(*pair) for pair in zip(weights[0][1], weights[1][1], strict=True))


@pytest.fixture
def looked_at(monkeypatch):
    """How often pictures are decoded, and processed."""
    counted = Counter()
    decode, process = Image.decode_example, Qwen2VLImageProcessor.process_image

    def decoding(self, *arguments, **named):
        counted["decoded"] += 1
        return decode(self, *arguments, **named)

    def processing(self, *arguments, **named):
        counted["processed"] += 1
        return process(self, *arguments, **named)

    monkeypatch.setattr(Image, "decode_example", decoding)
    monkeypatch.setattr(Qwen2VLImageProcessor, "process_image", processing)
    return counted


@pytest.mark.parametrize("way", ["once", "shared"])
@pytest.mark.parametrize("settings", [{"responses_per_pass": 2}, {"responses_per_pass": 3, "updates_per_rollout": 2}])
def test_a_picture_is_decoded_and_processed_once_for_each_time_its_prompt_is_sampled(build, looked_at, way, settings):
    trainer = build(way, torch.float32, sets=("vop",), steps=2, **settings)
    trainer.train()
    samplings = 2 // settings.get("updates_per_rollout", 1)
    assert looked_at == {"decoded": 2 * 2 * samplings, "processed": 2 * 2 * samplings}, "two prompts of two pictures"


@pytest.mark.parametrize("way", ["once", "shared"])
def test_pixels_of_a_group_are_held_once(build, way):
    trainer = build(way, torch.float32)
    batch = sampled(trainer, groups=4)
    held = trainer._prompts.fields
    assert len(trainer._prompts.ids) == 4
    assert len(held["pixel_values"]) == held["image_grid_thw"].prod(-1).sum()
    assert len(held["image_grid_thw"]) == sum(trainer._prompts.images_per_row)
    assert not any("pixel" in name or "image" in name for name in batch), "one for every response"
    assert batch["prompt_place"] == [group for group in range(4) for _ in range(ROLLOUTS)]


def test_vllm_is_given_every_prompts_own_pictures(build, monkeypatch):
    trainer = build("once", torch.float32, sets=("csr", "vop"))
    given = {}

    def generate(prompts, images, num_generations, profiler):
        given.update(prompts=prompts, images=images)
        return None, [[1]] * len(prompts), [[[0.0]]] * len(prompts), None

    expected = [read_row(trainer._rows, i)["images"] for i in range(4) for _ in range(ROLLOUTS)]
    monkeypatch.setattr(trainer, "use_vllm", True)
    monkeypatch.setattr(trainer, "vllm_importance_sampling_correction", False, raising=False)
    monkeypatch.setattr(trainer, "_last_loaded_step", 0, raising=False)
    monkeypatch.setattr(trainer, "vllm_generation", type("Generation", (), {"generate": staticmethod(generate)}), False)
    sampled(trainer, groups=4)
    assert given["images"] == expected
    token = trainer.processing_class.image_token_id
    assert [ids.count(token) // 9 for ids in given["prompts"]] == [len(images) for images in expected]


def test_another_version_of_trl_is_refused(build, monkeypatch):
    monkeypatch.setattr("viper.training.prompts_once.trl.__version__", "1.17.0")
    with pytest.raises(ViperError, match=r"written for TRL 1\.16, not 1\.17\.0"):
        build("once")


def test_prompts_that_were_processed_one_by_one_are_joined():
    prompts = ((3, 1), (2, 2), (4, 0))  # tokens, images
    ids = [list(range(1, length + 1)) for length, _ in prompts]
    fields = [
        {
            "mm_token_type_ids": [[1] * length],
            **({"pixel_values": torch.full((images, length, 2), float(length))} if images else {}),
        }
        for length, images in prompts
    ]
    joined = PromptBatch.joined(ids, [images for _, images in prompts], fields, padding=9)
    assert joined.ids.tolist() == [[9, 1, 2, 3], [9, 9, 1, 2], [1, 2, 3, 4]]
    assert joined.mask.tolist() == joined.fields["mm_token_type_ids"].tolist() == [[0, 1, 1, 1], [0, 0, 1, 1], [1] * 4]
    assert joined.pixels_per_row == [1, 2, 0]
    pixels = joined.fields["pixel_values"]
    assert pixels.shape == (3, 3, 2), "tiles that are missing are filled up"
    assert pixels[:, :, 0].tolist() == [[3, 3, 3], [2, 2, 0], [2, 2, 0]]
    assert joined.select([2, 1]).fields["pixel_values"].tolist() == pixels[1:].tolist()
    assert joined.select([1]).fields_with(2)["mm_token_type_ids"].tolist() == [[0, 0, 1, 1, 0, 0]]

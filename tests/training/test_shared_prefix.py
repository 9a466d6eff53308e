"""Sharing a group's prompt changes no log-probability, no gradient and no sampled token: stock TRL says the same."""

import pytest
import torch
from pydantic import ValidationError

from grpo_ways import chosen, loss_and_gradients, sampled
from viper.config.training import TrainOptions
from viper.errors import ViperError
from viper.models.prompt_batch import PromptBatch
from viper.training.shared_prefix import _by_length


@pytest.fixture(params=["base", "internvl"])
def base(request, toy):
    """A checkpoint of each family that it was made for."""
    return toy / request.param


def test_same_seed_samples_the_same_tokens(build):
    batches = [sampled(build(way), groups=4) for way in ("stock", "shared")]
    assert len({int(row.sum()) for row in batches[0]["completion_mask"]}) > 1, "all of one length: nothing ended early"
    for name in ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask"):
        assert torch.equal(batches[0][name], batches[1][name]), name


@pytest.mark.parametrize("order", ["grouped", "shuffled", "groups cut in two"])
def test_loss_and_gradients_are_those_of_stock_trl(build, order):
    orders = {"grouped": range(12), "shuffled": [4, 7, 0, 10, 5, 2, 8, 3, 11, 1, 9, 6], "groups cut in two": [1, 2, 3]}
    found = {}
    for way in ("stock", "shared"):
        trainer = build(way)
        batch = sampled(trainer, groups=4)  # enough rows for several groups by length
        assert len(_by_length(batch["completion_mask"])) > 1
        lengths = batch["prompt_mask"].sum(1)
        assert len(set(lengths.tolist())) > 1, "prompts of one length: no padding to get wrong"
        assert way == "shared" or len(set(batch["num_images"])) > 1, "prompts should have one image, or two"
        batch["advantages"] = torch.linspace(-1, 1, len(lengths), dtype=torch.float64)
        found[way] = loss_and_gradients(trainer, chosen(batch, list(orders[order])))
    (loss, gradients), (ours, our_gradients) = found.values()
    assert ours.item() == pytest.approx(loss.item(), rel=1e-9, abs=1e-12)
    assert gradients.keys() == our_gradients.keys()
    for name, gradient in gradients.items():
        difference = (gradient - our_gradients[name]).norm() / gradient.norm().clamp_min(1e-12)
        assert difference < 1e-6, f"{name}: {difference:.2e}"


@pytest.mark.parametrize(
    "settings",
    [
        {"responses_per_pass": 6},
        {"responses_per_pass": 2},  # gradients add up over three passes, groups cut in two
        {"responses_per_pass": 3, "updates_per_rollout": 2},
        {"responses_per_pass": 3, "updates_per_rollout": 2, "beta": 0.1},  # a reference model is asked too
    ],
    ids=["one pass", "several passes", "several updates", "a KL term"],
)
def test_training_is_that_of_stock_trl(build, settings):
    weights = []
    for way in ("stock", "shared"):
        torch.manual_seed(0)
        trainer = build(way, torch.float32, steps=3, **settings)
        trainer.train()
        curve = [row[key] for row in trainer.state.log_history for key in ("reward", "grad_norm") if key in row]
        assert len(curve) >= 5
        weights.append((curve, [p.detach().clone() for p in trainer.model.parameters()]))
    assert weights[0][0] == pytest.approx(weights[1][0], rel=1e-3, abs=1e-5)
    for stock, ours in zip(weights[0][1], weights[1][1], strict=True):
        torch.testing.assert_close(ours, stock, rtol=1e-3, atol=1e-5)


def test_a_family_that_it_was_not_made_for_is_refused_by_name(build, monkeypatch):
    monkeypatch.setattr("viper.training.shared_prefix.FAMILIES", ("other_vl",))
    with pytest.raises(ViperError, match=r"models of type \w+ \(known: other_vl\): set shared_prefix: false"):
        build("shared")


@pytest.mark.parametrize(
    ("phase", "machine", "what"),
    [
        ({}, {"devices": 2, "accelerate_config": "x.yaml"}, "devices 2"),
        ({}, {"gradient_checkpointing": True}, "gradient_checkpointing"),
        ({"engine": "vllm"}, {}, "vllm"),
        ({}, {"attention": "flash_attention_2", "device": "cuda", "precision": "bfloat16"}, "flash_attention_2"),
    ],
)
def test_settings_that_exclude_it_are_refused_before_anything_runs(grpo_options, phase, machine, what):
    options = grpo_options(prompts_per_step=4, **phase).model_dump()
    options["machine"] |= machine
    TrainOptions.model_validate(options)
    options["phase"]["shared_prefix"] = True
    with pytest.raises(ValidationError, match=f"shared_prefix does not go together with .*{what}"):
        TrainOptions.model_validate(options)


def test_distinct_prompts_are_told_apart_by_tokens_and_by_pixels():
    ids = torch.tensor([[0, 5, 6], [4, 5, 6], [0, 5, 6], [0, 5, 6], [7, 8, 9]])
    mask = torch.tensor([[0, 1, 1], [1, 1, 1], [0, 1, 1], [0, 1, 1], [1, 1, 1]])
    fields = {
        "pixel_values": torch.tensor([[1.0], [2.0], [1.0], [2.0], [1.0], [9.0]]).repeat_interleave(2, 0),
        "image_grid_thw": torch.tensor([[1, 1, 2]] * 6),
        "mm_token_type_ids": torch.arange(15).reshape(5, 3),
    }
    prompts = PromptBatch(ids, mask, [1, 1, 1, 2, 1], fields)
    shared, place = prompts.distinct()
    assert place.tolist() == [0, 1, 0, 2, 3]
    assert shared.images_per_row == [1, 1, 2, 1]
    assert shared.fields["pixel_values"][:, 0].tolist() == [1, 1, 2, 2, 2, 2, 1, 1, 9, 9]
    assert shared.fields["mm_token_type_ids"].tolist() == [[0, 1, 2], [3, 4, 5], [9, 10, 11], [12, 13, 14]]


def test_columns_of_padding_only_are_cut_off():
    ids, mask = torch.tensor([[0, 0, 3], [0, 2, 3]]), torch.tensor([[0, 0, 1], [0, 1, 1]])
    trimmed = PromptBatch(ids, mask, [0, 0], {"mm_token_type_ids": ids.clone()}).trimmed()
    assert trimmed.ids.tolist() == trimmed.fields["mm_token_type_ids"].tolist() == [[0, 3], [2, 3]]
    assert trimmed.mask.tolist() == [[0, 1], [1, 1]]

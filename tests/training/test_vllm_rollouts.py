"""Whole runs of training whose responses come from vLLM, through TRL's own code, with a stand-in for vLLM itself."""

import csv
import os

import pytest
import torch
from datasets import Dataset
from trl.generation import vllm_generation
from trl.trainer import grpo_trainer

import pretended_vllm
from viper.config.training import Correction, TrainOptions
from viper.errors import ViperError
from viper.models.engine import START_METHOD
from viper.training import run
from viper.training.records import COLUMNS, CORRECTION_NAMES
from viper.training.run import Places, train
from viper.training.vllm_rollouts import VllmGRPOTrainer, effect_of

MODES = {
    "token_truncate": {"mode": "token_truncate", "cap": 1.5, "floor": 0.5},
    "token_mask": {"mode": "token_mask", "cap": 1.5},
    "sequence_truncate": {"mode": "sequence_truncate", "cap": 1.5},
    "sequence_mask": {"mode": "sequence_mask", "cap": 3.0},
}


@pytest.fixture
def engines(monkeypatch):
    """The stand-in where TRL starts vLLM; the engines that were started."""
    started, environment = [], dict(os.environ)

    def start(**options):
        started.append(pretended_vllm.LLM(**options))
        return started[-1]

    monkeypatch.setattr(vllm_generation, "is_vllm_available", lambda: True)
    monkeypatch.setattr(vllm_generation, "LLM", start, raising=False)
    monkeypatch.setattr(vllm_generation, "SamplingParams", pretended_vllm.SamplingParams, raising=False)
    monkeypatch.setattr(run, "pick_engine", lambda wanted, has_gpu: "vllm")
    yield started
    os.environ.clear()  # TRL sets the variables of several processes
    os.environ.update(environment)


@pytest.fixture
def trained(toy, reward, grpo_options, engines, tmp_path, monkeypatch):
    """Trains in parts with vLLM, and gives the rows of train.csv, and what the loss was given in every update."""

    def trained(**vllm):
        given, compute_loss = [], grpo_trainer.GRPOTrainer._compute_loss

        def remember(self, model, inputs):
            given.append(inputs)
            return compute_loss(self, model, inputs)

        monkeypatch.setattr(grpo_trainer.GRPOTrainer, "_compute_loss", remember)
        options = grpo_options(
            engine="vllm", vllm=vllm, updates="parts", updates_per_rollout=2, steps=4, responses_per_pass=6
        )
        data = tuple(toy / name / "train.parquet" for name in ("csr", "vop"))
        base, work = toy / "base" / "manifest.json", tmp_path / "work"
        out = Places(base, data, work, tmp_path / "model", tmp_path / "train.csv", tmp_path / "rollouts.jsonl")
        train(TrainOptions.model_validate(options.model_dump()), out, seed=7, scorer=reward)
        with out.metrics.open(newline="") as file:
            return list(csv.DictReader(file)), given

    return trained


def weights_of(inputs, mode, cap=None, floor=None):
    """(rows, tokens): the weight of each token by the definition of the mode, and whether it was cut."""
    mask = inputs["completion_mask"].bool()
    logs = (inputs["old_per_token_logps"] - inputs["sampling_per_token_logps"]).masked_fill(~mask, 0.0)
    if mode.startswith("sequence"):
        logs = logs.sum(dim=1, keepdim=True).expand(mask.shape)
    ratio = logs.exp()
    is_cut = torch.zeros_like(mask)
    if cap is not None:
        is_cut |= ratio > cap
    if floor is not None:
        is_cut |= ratio < floor
    bounded = ratio.clamp(floor, cap) if mode.endswith("truncate") else ratio.masked_fill(is_cut, 0.0)
    return bounded[mask], is_cut[mask]


@pytest.mark.parametrize("mode", MODES)
def test_the_effect_of_a_correction_is_logged_in_every_step(trained, mode):
    rows, given = trained(correction=MODES[mode])
    assert tuple(rows[0]) == (*COLUMNS, *CORRECTION_NAMES)
    assert len(rows) == len(given) == 4
    cut = []
    for row, inputs in zip(rows, given, strict=True):
        weights, is_cut = weights_of(inputs, **MODES[mode])
        mask = inputs["completion_mask"].bool()
        difference = (inputs["old_per_token_logps"] - inputs["sampling_per_token_logps"])[mask].abs()
        assert float(row["weight"]) == pytest.approx(float(weights.mean()), rel=1e-4)
        assert float(row["frac_cut"]) == pytest.approx(float(is_cut.float().mean()), abs=1e-5)
        assert float(row["logp_difference"]) == pytest.approx(float(difference.mean()), rel=1e-4)
        cut.append(float(is_cut.float().mean()))
    assert any(0 < share < 1 for share in cut), "else nothing was tested"


def test_without_a_correction_the_loss_is_the_papers_and_nothing_is_logged(trained):
    rows, given = trained()
    assert tuple(rows[0]) == COLUMNS
    assert all("importance_sampling_ratio" not in inputs for inputs in given)
    assert all("old_per_token_logps" in inputs for inputs in given), "ratios are those of the policy that sampled"


def test_the_engine_takes_its_share_and_sleeps_while_the_weights_are_updated(trained, engines):
    trained(max_length=500, gpu_share=0.4, sleep=True)
    (engine,) = engines
    options = engine.options
    assert (options["max_model_len"], options["gpu_memory_utilization"]) == (500, 0.4)
    assert options["enable_sleep_mode"]
    assert options["distributed_executor_backend"] == "external_launcher", "no process of its own"
    assert engine.start_method == os.environ[START_METHOD] == "spawn"
    assert options["max_num_seqs"] == 12, "all responses of a sampling at once"
    once = ["wake ['weights']", "reset", "wake ['kv_cache']", "sleep 2"]
    assert engine.calls == ["sleep 2", *once * 2]


def test_too_little_memory_beside_the_training_names_the_parameters(trained, monkeypatch):
    def start(**_):
        raise ValueError("Free memory on device cuda:0 is less than desired GPU memory utilization (0.9, 71 GiB).")

    monkeypatch.setattr(vllm_generation, "LLM", start)
    with pytest.raises(ViperError, match=r"training\.phases\.\*\.vllm\.gpu_share 0\.9"):
        trained()


def test_a_longer_prompt_than_there_is_room_for_is_refused(trained):
    with pytest.raises(ViperError, match=r"training\.phases\.\*\.vllm\.max_length 20: the longest prompt has"):
        trained(max_length=20)


def test_other_errors_of_the_trainer_are_not_taken_for_vllms(monkeypatch, engines):
    def fail(*_, **__):
        raise ValueError("no reward function")

    monkeypatch.setattr(grpo_trainer.GRPOTrainer, "__init__", fail)
    with pytest.raises(ValueError, match="no reward function"):
        VllmGRPOTrainer(settings=None, train_dataset=Dataset.from_dict({"images": [[]], "prompt": ["Look."]}))


def test_a_token_that_was_given_no_probability_counts_as_no_difference():
    inputs = {
        "completion_mask": torch.tensor([[1, 1, 0]]),
        "old_per_token_logps": torch.tensor([[-1.0, -2.0, -9.0]]),
        "sampling_per_token_logps": torch.tensor([[float("nan"), -2.5, 0.0]]),
        "importance_sampling_ratio": torch.tensor([[1.0, 1.25, 1.0]]),
    }
    effect = effect_of(Correction(mode="token_truncate", cap=1.25), inputs)
    assert effect.tolist() == [2.25, 1.0, 0.5, 2.0]

"""The forecast of training against what PyTorch's profiler counts while TRL trains for real."""

import pytest
import torch
from safetensors import safe_open

from method import method
from viper.config.loading import load
from viper.config.training import Grpo, Lora, TrainOptions, one_run
from viper.config.values import with_value
from viper.fit import training as forecast_of
from viper.fit.descriptions import describe
from viper.fit.lengths import Prompt
from viper.fit.passes import picture_tokens
from viper.models.pretrained import load_processor
from viper.training import grpo
from viper.training.run import Places, train

COMPLETION = 32
PIXELS = 96 * 96  # three tokens each way, of the micro world's processor
WITHIN = 0.10  # of what is measured


class Steps:
    """Rewards that differ within a group, so that there are gradients."""

    format = correct = 0.5
    matches = ()

    def __init__(self, reward):
        self.reward = reward

    @classmethod
    def score(cls, completions, ground_truths):
        return [cls(number % 5 / 5) for number in range(len(completions))]


@pytest.fixture
def scale(small):
    """The smoke scale with the small model, two pairs of responses a step in passes of two."""
    changes = {
        "models.vlm.path": str(small / "base"),
        "images.max_pixels": PIXELS,
        "reward.embedder.device": "cpu",
        "training.machine.precision": "bfloat16",
    }
    scale = load("smoke")
    for place, value in changes.items():
        scale = with_value(scale, place, value)
    phase = {
        **method("training.phases.csr"), "data": ["vop"], "steps": 2, "learning_rate": 1e-4, "prompts_per_step": 2,
        "rollouts": 2, "responses_per_pass": 2, "max_completion_length": COMPLETION, "updates_per_rollout": 1,
    }  # fmt: skip
    return with_value(scale, "training.phases.vop", Grpo.model_validate(phase))


@pytest.fixture
def prompt(small, monkeypatch):
    """The prompt that the rows really have."""
    config = describe(str(small / "base")).config
    picture = {"type": "image", "image": torch.zeros(3, 64, 64, dtype=torch.uint8)}
    content = [picture, picture, {"type": "text", "text": "what must change here ? " * 8}]
    ids = load_processor(small / "base").apply_chat_template(
        [[{"role": "user", "content": content}]], add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"][0]  # fmt: skip
    found = Prompt(len(ids) - 2 * (picture_tokens(config, PIXELS) + 2), 2, PIXELS)
    monkeypatch.setattr(forecast_of, "longest_prompt", lambda *_: found)


@pytest.fixture
def as_long_as_allowed(monkeypatch):
    """Completions that end where they must, as the forecast takes them to."""
    build = grpo.build_config

    def built(*args, **kwargs):
        config = build(*args, **kwargs)
        config.generation_kwargs["min_new_tokens"] = COMPLETION
        return config

    monkeypatch.setattr(grpo, "build_config", built)


def measured(options: TrainOptions, small, work) -> int:
    """Most bytes that a run of training holds. Weights are read in threads, which the profiler does not see."""
    places = Places(
        parent=small / "base" / "manifest.json", data=(small / "vop" / "train.parquet",), work=work / "work",
        model=work / "model", metrics=work / "train.csv", rollouts=work / "rollouts.jsonl",
    )  # fmt: skip
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        train(options, places, seed=0, scorer=Steps)
    events = (event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]")
    live = peak = 0
    for event in events:
        live += event.nbytes()
        peak = max(peak, live)
    with safe_open(small / "base" / "model.safetensors", framework="pt") as weights:
        return peak + sum(4 * weights.get_tensor(name).numel() for name in weights.keys())  # noqa: SIM118


@pytest.mark.slow  # a training, profiled
@pytest.mark.parametrize(
    ("lora", "checkpointing"),
    [
        pytest.param(None, False, id="full-kept"),
        pytest.param(Lora(rank=16), True, id="lora-checkpointing", marks=pytest.mark.long),
        pytest.param(None, True, id="full-checkpointing", marks=pytest.mark.long),
        pytest.param(Lora(rank=16), False, id="lora-kept", marks=pytest.mark.long),
    ],
)
def test_a_training_takes_what_is_forecast(small, scale, prompt, as_long_as_allowed, tmp_path, lora, checkpointing):
    scale = with_value(scale, "training.phases.vop.lora", lora)
    scale = with_value(scale, "training.machine.gradient_checkpointing", checkpointing)
    step = forecast_of.training("vop", "transformers").build(scale)
    _, forecast = step.worst()
    taken = measured(one_run(scale.training, "vop"), small, tmp_path)
    print(f"forecast {forecast / 1e6:.1f} MB, measured {taken / 1e6:.1f} MB: {forecast / taken - 1:+.1%}")
    assert forecast == pytest.approx(taken, rel=WITHIN)

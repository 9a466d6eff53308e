"""What training asks of a machine before it loads anything."""

import pytest
import torch
from transformers import TrainingArguments

from viper.config.training import Machine
from viper.errors import ViperError
from viper.training.common import require_gpus, trainer_arguments


@pytest.mark.parametrize(("devices", "shown"), [(1, 0), (8, 4)])
def test_missing_gpus_are_said(monkeypatch, devices, shown):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: shown)
    machine = Machine(precision="bfloat16", device="cuda", devices=devices, accelerate_config="given")
    with pytest.raises(ViperError, match=f"asks for {devices} GPUs, this machine shows {shown}"):
        require_gpus(machine)


@pytest.mark.parametrize("is_so", [True, False])
def test_accelerate_is_told_to_add_up_gradients_after_every_pass(grpo_options, tmp_path, is_so):
    options = grpo_options()
    options = options.model_copy(update={"machine": options.machine.model_copy(update={"sync_each_batch": is_so})})
    config = TrainingArguments(**trainer_arguments(options, seed=0, work=tmp_path))
    assert config.accelerator_config.gradient_accumulation_kwargs == ({"sync_each_batch": True} if is_so else None)


def test_enough_gpus_or_none_wanted_pass(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    require_gpus(Machine(precision="bfloat16", device="cuda", devices=2, accelerate_config="given"))
    require_gpus(Machine(precision="float32", devices=8, accelerate_config="given"))

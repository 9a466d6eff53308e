"""What training asks of a machine before it loads anything."""

import pytest
import torch

from viper.config.training import Machine
from viper.errors import ViperError
from viper.training.common import require_gpus


@pytest.mark.parametrize(("devices", "shown"), [(1, 0), (8, 4)])
def test_missing_gpus_are_said(monkeypatch, devices, shown):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: shown)
    machine = Machine(precision="bfloat16", device="cuda", devices=devices, accelerate_config="given")
    with pytest.raises(ViperError, match=f"asks for {devices} GPUs, this machine shows {shown}"):
        require_gpus(machine)


def test_enough_gpus_or_none_wanted_pass(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    require_gpus(Machine(precision="bfloat16", device="cuda", devices=2, accelerate_config="given"))
    require_gpus(Machine(precision="float32", devices=8, accelerate_config="given"))

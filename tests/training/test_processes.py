"""Two processes that share a step by `accelerate launch`, with gloo on CPU, update the weights as one process does."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEP = Path(__file__).with_name("one_step.py")
PLACES = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
ENVIRONMENT = os.environ | {"PYTHONPATH": PLACES, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(command, log, *, fails=False, **environment):
    with log.open("w") as file:
        done = subprocess.run(
            command, env=ENVIRONMENT | environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    assert bool(done.returncode) == fails, log.read_text()[-4000:]
    return log.read_text()


def launch(config, folder):
    """The command that starts two processes with an accelerate configuration."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", on_cpu(config, folder)]
    return [*launcher, "--num_processes", "2", STEP]


def on_cpu(name, folder):
    """An accelerate configuration: the shipped one of a scale in float32, or plain data parallelism."""
    if name == "ddp":
        # accelerate starts several processes only where it takes them for GPUs: of MULTI_CPU it would start one.
        config = {"distributed_type": "MULTI_GPU", "use_cpu": True, "num_machines": 1, "machine_rank": 0}
    else:
        config = yaml.safe_load((ROOT / "envs" / "accelerate" / f"{name}.yaml").read_text())
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**config, "main_process_port": 0, "mixed_precision": "no"}))
    return path


@pytest.fixture(scope="module")
def alone(toy, tmp_path_factory):
    """Every method in one process."""
    out = tmp_path_factory.mktemp("alone")
    run([sys.executable, STEP, toy, out, "sft", "grpo", "synced", "lora"], out / "log")
    return out


def difference(toy, out, method):
    """What the step added to the weights."""
    before, after = (load_file(folder / "model.safetensors") for folder in (toy / "base", out / method / "model"))
    assert before.keys() == after.keys()
    return {name: after[name].float() - before[name].float() for name in before}


def metrics(out, method):
    with (out / method / "train.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    return row


METHODS = {"ddp": ["sft", "grpo"], "3b": ["sft", "grpo", "lora"], "7b": ["grpo", "synced", "three"]}


@pytest.fixture(scope="module")
def together(toy, tmp_path_factory):
    """Runs the METHODS of a configuration in two processes, once."""
    done = {}

    def together(config):
        if config not in done:
            done[config] = tmp_path_factory.mktemp(config)
            run([*launch(config, done[config]), toy, done[config], *METHODS[config]], done[config] / "log")
        return done[config]

    return together


@pytest.mark.parametrize("config", METHODS)
def test_two_processes_update_like_one(toy, alone, together, config):
    out = together(config)
    sharded, model = "DTensor" in (out / "sharding").read_text(), (out / "wrapper").read_text()
    assert sharded == (config != "ddp"), "the configuration was not what was used"
    assert model.startswith("DistributedDataParallel" if config == "ddp" else "FSDP"), model
    for method in set(METHODS[config]) - {"three"}:
        expected, found = difference(toy, alone, method), difference(toy, out, method)
        largest = max(change.abs().max() for change in expected.values())
        assert largest > 1e-4, "else nothing was learned and everything is equal"
        for name, change in expected.items():
            torch.testing.assert_close(
                found[name],
                change,
                rtol=1e-3,
                atol=1e-4 * float(largest),
                msg=lambda text, name=name: f"{name}: {text}",
            )
        one, two = metrics(alone, method), metrics(out, method)
        for column in ("loss", "grad_norm", "reward"):
            if one[column]:
                assert float(two[column]) == pytest.approx(float(one[column]), rel=1e-3, abs=1e-6), column
        assert not (out / method / "work").exists()


def test_gradients_are_kept_whole_between_passes_unless_they_are_added_up_after_each(together):
    """After the first of two passes: what a process holds of gradients then, a forecast of its memory has to count."""
    out = together("7b")
    assert (out / "grpo" / "passes").read_text() == "all shares"
    assert (out / "synced" / "passes").read_text() == "shares shares"


def test_sharded_training_goes_on_where_it_was_interrupted(toy, together, tmp_path):
    command = [*launch("7b", tmp_path), toy, tmp_path, "three"]
    assert "failed as it should" in run(command, tmp_path / "log", fails=True, FAIL_AT="3")
    assert (tmp_path / "three" / "work" / "checkpoint-2").is_dir()
    run(command, tmp_path / "log", FAIL_AT="2")  # one step is left: from the first on, it would fail at the second
    weights = [load_file(out / "three" / "model" / "model.safetensors") for out in (together("7b"), tmp_path)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

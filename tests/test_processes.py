"""A launcher's variables that were meant for something else change nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository import also_long
from viper.config import load
from viper.config.options import to_json
from viper.errors import ViperError
from viper.processes import work_alone, work_together

FOREIGN = {
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "192.0.2.1",
    "MASTER_PORT": "29500",
    "PMI_SIZE": "4",
    "OMPI_COMM_WORLD_SIZE": "4",
    "MV2_COMM_WORLD_SIZE": "4",
    "ACCELERATE_USE_FSDP": "true",
    "ACCELERATE_USE_DEEPSPEED": "true",
    "TORCHELASTIC_RUN_ID": "x",
}


@pytest.fixture
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("ACCELERATE_", "SLURM_"))]:
        monkeypatch.delenv(name)
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)


def test_a_step_alone_forgets_them_and_says_so(environment, caplog):
    caplog.set_level("INFO")
    before = dict(os.environ)
    work_alone()
    assert {name: value for name, value in before.items() if name not in FOREIGN} == dict(os.environ)
    assert "RANK" in caplog.text
    work_alone()
    assert len(caplog.records) == 1


def test_one_of_several_keeps_them(environment):
    work_together(2)
    assert os.environ["WORLD_SIZE"] == "2"
    with pytest.raises(ViperError, match=r"devices is 4, but this is process 1 of 2"):
        work_together(4)
    work_together(1)
    assert "WORLD_SIZE" not in os.environ
    with pytest.raises(ViperError, match="process 0 of 1"):
        work_together(2)


def test_one_process_that_a_launcher_started_keeps_them(environment, monkeypatch):
    """accelerate starts also a single one with its settings in the environment."""
    with pytest.raises(ViperError, match="devices is 1, but this is process 1 of 2"):
        work_together(1, launched=True)
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name)
    work_together(1, launched=True)
    assert os.environ["ACCELERATE_USE_FSDP"] == "true"
    work_together(1, launched=False)
    assert "ACCELERATE_USE_FSDP" not in os.environ


def test_the_workflow_starts_its_launcher_without_them():
    code = (
        "import os; from pathlib import Path; from snakemake.api import SnakemakeApi; "
        "from snakemake.settings.enums import Quietness; "
        "from snakemake.settings.types import OutputSettings, ResourceSettings, WorkflowSettings; "
        "from snakemake_interface_executor_plugins.settings import ExecMode\n"
        "with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:\n"
        "    made = api.workflow(ResourceSettings(cores=1), snakefile=Path('Snakefile'),\n"
        "        workflow_settings=WorkflowSettings(exec_mode=ExecMode.SUBPROCESS))\n"
        "    made._workflow\n"
        f"    print('left:', sorted(set({sorted(FOREIGN)!r}) & set(os.environ)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env=os.environ | FOREIGN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.splitlines()[-1:] == ["left: []"], result.stderr[-2000:]


@pytest.mark.parametrize("rank", ["", "x", "-1", "2", "7"])
def test_a_rank_that_cannot_be_is_refused(environment, monkeypatch, rank):
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(ViperError, match="accelerate launch"):
        work_together(2)


@pytest.mark.slow
def test_commands_that_load_torch_do_not_wait_for_others(tmp_path):
    """`reward` embeds sentences; with these variables torch would wait for a process that never comes."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"completion": "<think> a </think><answer> A b. </answer>", "ground_truth": ["A b."]}))
    result = subprocess.run(
        [sys.executable, "-m", "viper", "reward", str(rows), "--tau", "0.9"],
        env=os.environ | FOREIGN,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert "not taken from the environment" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "1", "WORLD_SIZE": "2"},
        *also_long([{}, {"RANK": "x", "WORLD_SIZE": "y"}]),
    ],
)
def test_training_by_one_process_ignores_them(variables, tmp_path):
    scale = load("smoke")
    options = to_json(scale, [*scale.training.sections("cold"), "models.vlm.processor", "models.vlm.lens"])
    result = subprocess.run(
        [
            *(sys.executable, "-m", "viper", "train", "--parent", "none/manifest.json", "--data", "none.parquet"),
            *(
                "--options",
                options,
                "--work",
                str(tmp_path / "work"),
                "--model",
                "none",
                "--metrics",
                "none.csv",
                "--rollouts",
                "none.jsonl",
            ),
            *("--seed", "0", "--lineage", "base.cold"),
        ],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 2
    assert "none/manifest.json is missing: run the rule that makes it" in result.stderr
    assert "Traceback" not in result.stderr

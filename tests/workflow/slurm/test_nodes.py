"""Training on two nodes of a real Slurm, over loopback, and training that another job takes the nodes from."""

import csv
import json
import time

import pytest
import torch
import yaml
from safetensors.torch import load_file

from repository import STORED

pytestmark = pytest.mark.slow

STEPS = 80  # enough that a job is preempted in the middle of them
TRAINED = "models/smoke/base.cold/seed0"
LAUNCHER = {  # processes that share a step by gloo: accelerate starts several only where it takes them for GPUs
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "MULTI_GPU",
    "mixed_precision": "no",
    "use_cpu": True,
    "num_machines": 1,
    "machine_rank": 0,
    "main_process_port": 0,
}


def training(steps, nodes=1, **machine):
    """--config of the shortest training that there is: of one phase on what is not synthesized."""
    phase = {"steps": steps, "prompts_per_step": 4, "responses_per_pass": 2}
    if nodes > 1:
        machine |= {"nodes": nodes, "devices": nodes, "accelerate_config": "launcher.yaml"}
    # Checkpoints come from Slurm's signal alone.
    phases = {
        "csr": {"responses_per_pass": 10, "shared_prefix": False},
        "sft": {"responses_per_pass": 2},
        "cold": phase,
    }
    settings = {"phases": phases, "records": {"checkpoint_every": 100_000}} | ({"machine": machine} if machine else {})
    return f"scales={json.dumps({'smoke': {'training': settings}})}"


@pytest.fixture(scope="module")
def alone(copy_repository):
    """Return a function that trains so many steps in one process, without Slurm, and gives the folder of that."""
    made = {}

    def alone(steps):
        if steps not in made:
            made[steps] = copy_repository()
            made[steps].snakemake(training(steps), "--", f"{TRAINED}/manifest.json")
        return made[steps].root

    return alone


def change(root):
    """What training added to the weights."""
    before, after = (load_file(root / folder / "model.safetensors") for folder in (STORED / "vlm", TRAINED))
    return torch.cat([(after[name] - before[name]).flatten().float() for name in sorted(after)])


def first_step(root):
    with (root / "results/smoke/metrics/base.cold/seed0/train.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    return {name: float(row[name]) for name in ("loss", "grad_norm")}


def test_two_nodes_update_as_one_process_does(workflow_on_two_nodes, alone):
    workflow = workflow_on_two_nodes
    (workflow.root / "launcher.yaml").write_text(yaml.safe_dump(LAUNCHER))
    workflow.run(training(1, nodes=2, job={"gpu": 2}), "--", f"{TRAINED}/manifest.json")
    (job,) = (workflow.cluster.job(number) for number in workflow.cluster.jobs("train"))
    assert job["NodeList"] == "one,two"
    assert "gres:gpu:2" in job["TresPerNode"]
    log = (workflow.root / "logs/smoke/base.cold/seed0/train.log").read_text()
    assert log.count("training 1 steps from") == 2, "a process on each node"

    reference = alone(1)
    assert first_step(workflow.root) == pytest.approx(first_step(reference), rel=1e-4)
    expected, found = change(reference), change(workflow.root)
    assert expected.abs().max() > 0
    # Adam's first step is nearly the sign of a gradient: where that is zero but for rounding, it differs.
    assert (found - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize("nodes", [pytest.param(1, marks=pytest.mark.long), 2])
def test_training_that_slurm_preempts_saves_a_checkpoint_and_goes_on_from_it(workflow_on_two_nodes, alone, nodes):
    workflow, cluster, steps = workflow_on_two_nodes, workflow_on_two_nodes.cluster, STEPS
    (workflow.root / "launcher.yaml").write_text(yaml.safe_dump(LAUNCHER))
    work = workflow.root / "work/smoke/base.cold/seed0"
    before = set(cluster.jobs("train"))
    process = workflow.start(training(steps, nodes, job={"gpu": 2, "notice": 20}), "--", f"{TRAINED}/manifest.json")
    workflow.wait_for(lambda: _steps_done(work) >= 2, process)
    (job,) = set(cluster.jobs("train")) - before
    urgent = cluster.ask(
        "sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--ntasks=2", "--gres=gpu:2", "--wrap=sleep 1",
        f"--output={cluster.root}/urgent",
    )  # fmt: skip
    workflow.wait_for(lambda: list(work.glob("checkpoint-*/manifest.json")), process)
    assert cluster.job(job)["JobState"] == "RUNNING", "saved before Slurm ends it"
    cluster.hold(job, "train")  # on a fast machine it would be done before Slurm ends it
    workflow.wait_for(lambda: cluster.job(urgent)["JobState"] == "COMPLETED", process)
    time.sleep(2)
    cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")  # instead of in two minutes
    workflow.finish(process)
    assert set(cluster.jobs("train")) - before == {job}
    assert cluster.job(job)["Restarts"] == "1"
    log = (workflow.root / "logs/smoke/base.cold/seed0/train.log").read_text(errors="replace")  # bars of two processes
    done = int(log.partition(f"training {steps} steps from")[2].partition(" done")[0].rpartition(" ")[2])
    assert 2 <= done < steps
    if nodes == 1:
        assert _weights(workflow.root) == _weights(alone(steps)), "the same bytes as a run that nobody interrupted"


def _steps_done(work):
    rows = work / "train.csv"
    return max(0, len(rows.read_text().splitlines()) - 1) if rows.exists() else 0


def _weights(root):
    return (root / TRAINED / "model.safetensors").read_bytes()

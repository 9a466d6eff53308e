"""The workflow on a real Slurm: what goes wrong there on the way, and that the results are those of a local run.

The tests share one copy of the repository and are in the order of the workflow, so that each finds done what it needs.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = "data/smoke/benchmarks/test"
# One of the two GPUs, to see that it is asked for.
ON_A_GPU = json.dumps({"smoke": {"training": {"machine": {"job": {"gpu": 1}}}}})


def stop_in_the_middle(workflow, lineage, process):
    """Wait for the first checkpoint of a training, stop its process there, and return the number of its Slurm job."""
    work = workflow.root / "work/smoke" / lineage / "seed0"
    workflow.wait_for((work / "checkpoint-2/manifest.json").exists, process)
    holder = (work.parent / ".seed0.lock").read_text()
    number, job = re.fullmatch(r"process (\d+) on .* \(Slurm job (\d+)\)", holder).groups()
    os.kill(int(number), signal.SIGSTOP)
    assert not (work / "final").exists(), "there is training left to do"
    return job


def log_of(workflow, lineage):
    return (workflow.root / f"logs/smoke/{lineage}/seed0/train.log").read_text()


def test_a_job_that_fails_once_is_tried_again_with_more_memory_and_time(workflow):
    (workflow.orders / "fail").touch()
    workflow.run("--", f"{BENCHMARKS}/MicroStar.tsv")
    first, second = (workflow.cluster.job(number) for number in workflow.cluster.jobs("make_benchmark"))
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("2000M", "3000M")
    assert (workflow.root / f"{BENCHMARKS}/MicroStar.tsv").exists()


def test_a_cancelled_job_is_tried_again(workflow):
    before = workflow.cluster.jobs("make_benchmark")
    (workflow.orders / "hold").touch()
    process = workflow.start("--", f"{BENCHMARKS}/MicroBlink.tsv")
    workflow.wait_for(lambda: set(workflow.cluster.jobs("make_benchmark", "RUNNING")) - set(before), process)
    workflow.cluster.ask("scancel", workflow.cluster.jobs("make_benchmark")[-1])
    (workflow.orders / "hold").unlink()
    workflow.finish(process)
    states = [workflow.cluster.job(job)["JobState"] for job in workflow.cluster.jobs("make_benchmark")[len(before) :]]
    assert states == ["CANCELLED", "COMPLETED"]
    assert (workflow.root / f"{BENCHMARKS}/MicroBlink.tsv").exists()


@pytest.mark.long
def test_what_declares_no_resources_runs_where_snakemake_does(workflow):
    """Unless the command line asks for some."""
    card = "data/smoke/dataset/base/seed0/README.md"
    again = ("--forcerun", "describe_datasets")
    (workflow.root / card).unlink()
    workflow.run(*again, "--", card)
    assert (workflow.root / card).exists()
    assert not workflow.cluster.jobs("describe_datasets")
    workflow.run(*again, "--set-resources", "describe_datasets:runtime=5", "--", card)
    assert len(workflow.cluster.jobs("describe_datasets")) == 1


def test_a_requeued_training_goes_on_from_its_last_checkpoint(workflow):
    process = workflow.start(f"scales={ON_A_GPU}", "--", "models/smoke/base.csr/seed0/manifest.json")
    job = stop_in_the_middle(workflow, "base.csr", process)
    workflow.cluster.ask("scontrol", "requeue", job)
    workflow.wait_for(lambda: workflow.cluster.job(job)["JobState"] == "PENDING", process)
    # Slurm would wait for two minutes. Less than a second is too little: its node would still refuse the job as killed.
    time.sleep(2)
    workflow.cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
    workflow.finish(process)
    assert workflow.cluster.jobs("train") == [job]
    assert workflow.cluster.job(job)["Restarts"] == "1"
    assert workflow.cluster.job(job)["Partition"] == "gpu"
    assert "gres:gpu:1" in workflow.cluster.job(job)["TresPerJob"]
    assert "training 4 steps from models/micro/pretrained/vlm, 2 done" in log_of(workflow, "base.csr")


def test_a_killed_snakemake_leaves_no_second_writer(workflow):
    target = "models/smoke/base.csr.vop/seed0/manifest.json"
    process = workflow.start(f"scales={ON_A_GPU}", "--", target)
    orphan = stop_in_the_middle(workflow, "base.csr.vop", process)
    process.kill()
    workflow.finish(process, check=False)
    assert workflow.cluster.job(orphan)["JobState"] == "RUNNING"
    assert not (workflow.root / target).exists()

    said = workflow.run(f"scales={ON_A_GPU}", "--", target)
    assert f"Cancelled what an earlier run left in Slurm's queue: jobs {orphan}." in said
    ended, successor = (workflow.cluster.job(job) for job in workflow.cluster.jobs("train")[-2:])
    assert (ended["JobState"], successor["JobState"]) == ("CANCELLED", "COMPLETED")
    assert ended["EndTime"] <= successor["StartTime"]
    assert "2 done" in log_of(workflow, "base.csr.vop")


def test_a_job_that_no_partition_takes_is_named_and_the_rest_goes_on(workflow):
    targets = ("results/smoke/measure_base_models/fidelity.csv", f"{BENCHMARKS}/MicroMantis.tsv")
    said = workflow.run("--set-resources", "measure_fidelity:mem_mb=2000000", "--", *targets, check=False)
    assert "Rule measure_fidelity asks for more than any partition in slurm/partitions.yaml offers" in said
    assert "mem_mb 2000000" in said
    assert not (workflow.root / targets[0]).exists()
    assert (workflow.root / targets[1]).exists()


@pytest.fixture
def full_disk(workflow):
    """A folder of benchmarks on a disk of 4 kB; only the superuser can make one."""
    folder = workflow.root / "data/smoke/benchmarks/dev"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if os.getuid() or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here: run as root, outside a restricted container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_its_shard_and_the_rest_goes_on(workflow, full_disk):
    other = f"{BENCHMARKS}/MicroWorldQA.tsv"
    workflow.run("--retries", "0", "--", "data/smoke/benchmarks/dev/MicroStar.tsv", other, check=False)
    log = (workflow.root / "logs/smoke/make_benchmark/dev/MicroStar.log").read_text()
    assert re.search(r"error: data/smoke/benchmarks/dev\S*: no space left on this disk", log)
    assert "Traceback" not in log
    assert list(full_disk.iterdir()) == []
    assert (workflow.root / other).exists()


def test_an_unknown_partition_stops_before_anything_is_submitted(workflow):
    (workflow.root / "elsewhere.yaml").write_text("partitions: {cpu: {max_runtime: 60}, fast: {max_runtime: 60}}")
    target = f"{BENCHMARKS}/MicroHallusion.tsv"
    said = workflow.run("--slurm-partition-config", "elsewhere.yaml", "--", target, check=False)
    assert "elsewhere.yaml names fast, but this cluster's partitions are cpu, gpu" in said
    assert "has been submitted" not in said


def test_without_slurm_there_is_one_sentence(workflow, tmp_path):
    for name in ("bash", "sh", "which", "env", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    said = workflow.run("--", f"{BENCHMARKS}/MicroHallusion.tsv", check=False, path=str(tmp_path))
    assert "no Slurm here: there is no command 'sinfo'" in said
    assert "has been submitted" not in said


def test_what_was_trained_is_what_a_local_run_trains(workflow, finished, differing_files):
    """Checkpoints that were broken off and gone on with, against a run in one go."""
    assert {path.parents[1].name for path in workflow.root.glob("models/smoke/*/seed0/manifest.json")} == {
        "base.csr",
        "base.csr.vop",
    }
    assert not differing_files(workflow.checkout, finished, "data/", "models/")


@pytest.mark.long
def test_the_results_are_those_of_a_local_run(workflow, finished, differing_files):
    workflow.run(f"scales={ON_A_GPU}", "--", "all")
    trained = {path.parents[1].name for path in workflow.root.glob("models/smoke/*/seed0/manifest.json")}
    assert len(workflow.cluster.jobs("train")) == len(trained) + 1, "only the killed training was done again"
    assert not differing_files(workflow, finished)

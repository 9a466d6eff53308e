"""GPUs are played by an `nvidia-smi` that lists some; jobs write down which they were given, and from when to when."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from repository import ROOT, copy
from viper.cluster import gpus
from viper.errors import ViperError

SEEN = """
import json, os, sys, time
begun = time.monotonic()
time.sleep(float(sys.argv[2]))
row = {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "begun": begun, "ended": time.monotonic()}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(row) + "\\n")
"""


@pytest.fixture
def machine(tmp_path):
    """Return a function that gives the environment of a machine with so many GPUs."""

    def machine(number, **variables):
        commands = tmp_path / f"bin{number}"
        commands.mkdir(exist_ok=True)
        smi = commands / "nvidia-smi"
        smi.write_text(f"#!/bin/sh\nseq 0 {number - 1}\n")
        smi.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "SLURM_"))}
        path = f"{commands}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin"
        return kept | {"PATH": path, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")} | variables

    return machine


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_no_two_shared_one(done):
    for first in done:
        for second in done:
            if first is not second and first["begun"] < second["ended"] and second["begun"] < first["ended"]:
                assert not set(first["gpus"].split(",")) & set(second["gpus"].split(",")), (first, second)


def start(number, log, seconds, environment):
    command = [sys.executable, "-m", "viper.cluster.gpus", str(number), sys.executable, "-c", SEEN, str(log)]
    return subprocess.Popen([*command, str(seconds)], env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_jobs_ask_for_no_two_that_run_share_a_gpu(machine, tmp_path, seed):
    draw = random.Random(seed)
    available = draw.randint(2, 4)
    asked = [draw.randint(1, available) for _ in range(6)]
    environment, log = machine(available), tmp_path / "log"
    for job in [start(number, log, draw.uniform(0, 0.3), environment) for number in asked]:
        assert job.communicate(timeout=60)[0] is None
        assert job.returncode == 0
    done = rows(log)
    assert sorted(len(set(row["gpus"].split(","))) for row in done) == sorted(asked)
    assert_no_two_shared_one(done)


def test_a_killed_job_gives_its_gpu_back_and_who_waits_says_for_whom(machine, tmp_path):
    environment, log = machine(1), tmp_path / "log"
    first = start(1, log, 60, environment)
    lock = tmp_path / f"viper-gpus-{os.getuid()}" / "machine" / "0.lock"
    while not (lock.is_file() and lock.read_text()):
        pass
    second = start(1, log, 0, environment)
    said = second.stderr.readline()
    assert f"waiting for 1 of the GPUs 0; at work there: process {first.pid}" in said
    first.kill()
    first.communicate()
    second.communicate(timeout=60)
    assert [row["gpus"] for row in rows(log)] == ["0"]


def test_what_a_user_or_a_scheduler_made_visible_is_shared_out(machine, tmp_path):
    log = tmp_path / "log"
    for job in [start(1, log, 0.5, machine(8, CUDA_VISIBLE_DEVICES="5,GPU-8a/1")) for _ in range(2)]:
        job.communicate(timeout=60)
    assert {row["gpus"] for row in rows(log)} == {"5", "GPU-8a/1"}


def test_jobs_of_slurm_keep_to_what_it_gave_each(machine, tmp_path):
    """Two jobs on one node may each see their own GPU as number 0."""
    log = tmp_path / "log"
    jobs = [
        start(1, log, 1, machine(8, CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID=number, TMPDIR=str(tmp_path)))
        for number in ("7", "8")
    ]
    for job in jobs:
        job.communicate(timeout=60)
    first, second = rows(log)
    assert first["gpus"] == second["gpus"] == "0"
    assert second["begun"] < first["ended"]


def test_too_few_are_one_sentence(machine, tmp_path):
    job = start(2, tmp_path / "log", 0, machine(1))
    said = job.communicate(timeout=60)[1]
    assert said.startswith("error: this job asks for 2 GPUs, and 1 can be used here: 0.")
    assert job.returncode == 1


def test_without_a_driver_a_program_runs_as_it_is(machine, tmp_path):
    environment = machine(1) | {"PATH": "/usr/bin:/bin"}
    start(1, tmp_path / "log", 0, environment).communicate(timeout=60)
    assert [row["gpus"] for row in rows(tmp_path / "log")] == [None]


def test_a_folder_without_locks_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "hold", lambda path: None)
    with pytest.raises(ViperError, match="this file system has no locks"):
        gpus.take(1, ["0"], tmp_path)


# In place of the jobs' `python`: `viper.cluster.gpus` is the real one, a command of the package writes down which GPUs
# it sees, and makes what it should.
PYTHON = """\
#!{python}
import json, os, sys, time
from pathlib import Path
if "viper.cluster.gpus" in sys.argv:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
row = {{"gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "begun": time.monotonic()}}
if sys.argv[3] == "caption-images":
    time.sleep(1)
    with open({log!r}, "a") as file:
        file.write(json.dumps(row | {{"ended": time.monotonic()}}) + "\\n")
for place in (word for word in sys.argv if word.startswith("data/")):
    if not Path(place).exists():
        Path(place).write_text("made")
"""


@pytest.fixture
def run(machine, tmp_path):
    """Return a function that runs the captions of four shards, which ask for so many GPUs each, on a machine."""
    checkout = copy(tmp_path / "repository")
    (checkout.root / "models/micro/pretrained/vlm").mkdir(parents=True)
    for part in ("vlm", "painter", "editor", "checker"):
        (checkout.root / f"models/micro/pretrained/{part}").mkdir(exist_ok=True)
        (checkout.root / f"models/micro/pretrained/{part}/manifest.json").write_text("{}")
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "python").write_text(PYTHON.format(python=sys.executable, log=str(tmp_path / "log")))
    (steps / "python").chmod(0o755)

    def run(asked, available, *more):
        scales = {"smoke": {"images": {"shards": 4}, "models": {"vlm": {"job": {"gpu": asked}}}}}
        environment = machine(available, VIPER_STEPS=str(steps)) | {"PYTHONPATH": str(checkout.root / "src")}
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "8", "--config", "scale=smoke",
             f"scales={json.dumps(scales)}", *more, "--", "captions"],
            cwd=checkout.root, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.slow
def test_jobs_of_the_workflow_have_gpus_of_their_own_without_being_told(run, tmp_path):
    result = run(1, 2)
    assert result.returncode == 0, result.stderr[-3000:]
    done = rows(tmp_path / "log")
    assert sorted({row["gpus"] for row in done}) == ["0", "1"]
    assert len(done) == 4
    assert_no_two_shared_one(done)
    assert sum(first["begun"] < second["begun"] < first["ended"] for first in done for second in done), "in parallel"


@pytest.mark.slow
def test_a_machine_with_one_gpu_works_out_of_the_box(run, tmp_path):
    result = run(1, 1)
    assert result.returncode == 0, result.stderr[-3000:]
    done = rows(tmp_path / "log")
    assert [row["gpus"] for row in done] == ["0"] * 4
    assert_no_two_shared_one(done)


@pytest.mark.slow
def test_a_job_that_wants_more_gpus_than_there_are_stops_the_run_at_its_start(run, tmp_path):
    result = run(3, 2)
    assert result.returncode
    assert "rule caption_images asks for 3 GPUs, and 2 can be used here (0, 1)" in result.stdout + result.stderr
    assert not (tmp_path / "log").exists()

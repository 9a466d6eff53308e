"""Slurm's commands are played by scripts here; tests/workflow/slurm has a real Slurm."""

import os
import subprocess
import sys

import pytest

from viper.cluster import slurm
from viper.errors import ViperError


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of one of Slurm's commands."""
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}/usr/bin{os.pathsep}/bin")

    def put(name: str, script: str) -> None:
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)

    return put


def test_known_partitions_pass(play):
    play("sinfo", "printf 'cpu\\ngpu\\n'")
    slurm.check_partitions(["gpu"], "slurm/partitions.yaml")


def test_an_unknown_partition_is_named_with_the_known_ones(play):
    play("sinfo", "printf 'cpu\\nlong\\n'")
    with pytest.raises(
        ViperError, match=r"slurm/partitions.yaml names gpu, but this cluster's partitions are cpu, long"
    ):
        slurm.check_partitions(["cpu", "gpu"], "slurm/partitions.yaml")


def test_no_slurm_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ViperError, match="no Slurm here: there is no command 'sinfo'"):
        slurm.check_partitions(["cpu"], "slurm/partitions.yaml")


def test_a_silent_controller_is_one_sentence(play):
    play("sinfo", "echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(ViperError, match=r"Slurm does not answer: .* Unable to contact slurm controller"):
        slurm.check_partitions(["cpu"], "slurm/partitions.yaml")


HOLD = """
import sys, viper.locking
file = viper.locking.hold(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def queue(play, tmp_path):
    """Slurm's queue as a file of lines; `scancel` empties it and notes what it was given."""
    lines = tmp_path / "queue"
    lines.touch()
    play("squeue", f"cat {lines}")
    play("scancel", f'echo "$@" > {tmp_path}/cancelled; : > {lines}')
    return lines


@pytest.fixture
def start_run(tmp_path):
    """Return a function that starts a process which holds the lock of a run in tmp_path."""
    processes = []

    def start(name):
        path = tmp_path / slurm.LOCKS / f"{name}.lock"
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def kill(process):
    process.kill()
    process.communicate()


def test_the_jobs_of_a_killed_run_are_cancelled(tmp_path, queue, start_run):
    kill(start_run("viper_1"))
    queue.write_text(f"7|viper_1|{tmp_path}\n8|other|{tmp_path}\n9|viper_1|/elsewhere\n")
    assert slurm.begin_run("viper_2", tmp_path) == ["7"]
    assert (tmp_path / "cancelled").read_text() == "7\n"
    assert [path.name for path in (tmp_path / slurm.LOCKS).iterdir()] == ["viper_2.lock"]


def test_the_jobs_of_a_living_run_are_left_alone(tmp_path, queue, start_run):
    start_run("viper_1")
    queue.write_text(f"7|viper_1|{tmp_path}\n")
    assert slurm.begin_run("viper_2", tmp_path) == []
    assert not (tmp_path / "cancelled").exists()


def test_jobs_of_a_run_on_another_machine_stop_this_one(tmp_path, queue):
    lock = tmp_path / slurm.LOCKS / "viper_1.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("process 3 on login2")
    queue.write_text(f"7|viper_1|{tmp_path}\n")
    with pytest.raises(ViperError, match="jobs called viper_1, of process 3 on login2"):
        slurm.begin_run("viper_2", tmp_path)


def test_a_job_that_does_not_end_is_named(play, tmp_path, start_run):
    kill(start_run("viper_1"))
    play("squeue", f"echo '7|viper_1|{tmp_path}'")
    play("scancel", "")
    with pytest.raises(ViperError, match="jobs 7 of an earlier run"):
        slurm.begin_run("viper_2", tmp_path, patience=0)

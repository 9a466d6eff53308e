"""Slurm's commands are played by scripts here; tests/workflow/slurm has a real Slurm."""

import os

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


def test_only_jobs_of_the_earlier_run_in_this_folder_are_cancelled(play, tmp_path):
    play("squeue", f"test -e {tmp_path}/gone || printf '7|{tmp_path}\\n8|{tmp_path}\\n9|/elsewhere\\n'")
    play("scancel", f'echo "$@" > {tmp_path}/cancelled; touch {tmp_path}/gone')
    assert slurm.cancel_orphans(["7", "9", "3"], tmp_path) == ["7"]
    assert (tmp_path / "cancelled").read_text() == "7\n"


def test_nothing_is_cancelled_where_nothing_is_left(play, tmp_path):
    play("squeue", "")
    play("scancel", f"touch {tmp_path}/cancelled")
    assert slurm.cancel_orphans(["7"], tmp_path) == []
    assert not (tmp_path / "cancelled").exists()


def test_a_job_that_does_not_end_is_named(play, tmp_path):
    play("squeue", f"printf '7|{tmp_path}\\n'")
    play("scancel", "")
    with pytest.raises(ViperError, match="jobs 7 of an earlier run"):
        slurm.cancel_orphans(["7"], tmp_path, patience=0)

"""Launchers on several nodes, and the note of a job's end; tests/workflow/slurm has a real Slurm."""

import os
import signal
import subprocess
import sys
import time

import pytest

from repository import ROOT
from viper.cluster import ending, nodes, slurm
from viper.config.training import Machine
from viper.errors import ViperError


def test_each_node_is_told_which_it_is_and_where_the_first_one_is():
    from accelerate.commands.launch import launch_command_parser

    command = [
        "accelerate",
        "launch",
        "--config_file=-x.yaml",
        "--num_processes",
        "16",
        "-m",
        "viper",
        "train",
        "--seed=1",
    ]
    joined = nodes.joined_command(command, "10.0.0.1", 4321, {"SLURM_NNODES": "2", "SLURM_NODEID": "1"})
    parsed = launch_command_parser().parse_args(joined[2:])
    assert (parsed.num_machines, parsed.machine_rank, parsed.num_processes) == (2, 1, 16)
    assert (parsed.main_process_ip, parsed.main_process_port, parsed.same_network) == ("10.0.0.1", 4321, True)
    assert parsed.config_file == "-x.yaml"
    assert [parsed.training_script, *parsed.training_script_args] == ["viper", "train", "--seed=1"]


def test_the_address_is_that_by_which_slurm_reaches_the_first_node(monkeypatch):
    answers = {"scontrol": "gpu03\ngpu04\n", "sinfo": "10.1.0.3\n10.1.0.3\n"}
    asked = []
    monkeypatch.setattr(slurm, "ask", lambda *words: asked.append(words) or answers[words[0]])
    assert nodes.address_of_first("gpu[03-04]") == "10.1.0.3"
    assert "--nodes=gpu03" in asked[1]


def test_several_nodes_without_slurm_are_one_sentence(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ViperError, match="nodes is 2, and this is no job of Slurm's"):
        nodes.main(["start", "2", "accelerate", "launch"])


def test_devices_are_those_of_all_nodes():
    machine = {"precision": "bfloat16", "accelerate_config": "a.yaml"}
    assert Machine(**machine, devices=16, nodes=2).devices_of_node == 8
    with pytest.raises(ValueError, match="devices 8 cannot be shared out evenly to nodes 3"):
        Machine(**machine, devices=8, nodes=3)


LISTENER = """
import subprocess, sys, time
from viper.cluster import ending
ending.be_deaf()
child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(1.5)"])
ending.listen()
sys.exit(child.wait())
"""


def test_slurms_signal_leaves_a_note_and_harms_no_program(tmp_path):
    """Some clusters send it to the one process that they started, others to all that came from it."""
    variables = os.environ | {"SLURM_JOB_ID": "17", "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER], cwd=tmp_path, env=variables, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline() == b"up\n"
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGUSR1)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in (tmp_path / ending.FOLDER).iterdir()] == ["17"]


def test_a_note_is_seen_until_it_is_heeded_and_is_that_of_one_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert not ending.is_near()
    (tmp_path / ending.FOLDER).mkdir(parents=True)
    (tmp_path / ending.FOLDER / "17").touch()
    assert ending.is_near()
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    assert not ending.is_near()
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    ending.heed()
    assert not ending.is_near()
    monkeypatch.delenv("SLURM_JOB_ID")
    assert not ending.is_near()

import subprocess
import sys

import pytest

from viper.errors import ViperError
from viper.locking import only_writer

HOLD = """
import sys, viper.locking
with viper.locking.only_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path/work."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "work")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_told_who_the_first_is(tmp_path, holder, monkeypatch):
    with (
        pytest.raises(ViperError, match=f"process {holder.pid} on .* is at work there"),
        only_writer(tmp_path / "work"),
    ):
        pytest.fail("two writers")


def test_the_lock_of_a_killed_process_is_free(tmp_path, holder):
    holder.kill()
    holder.wait()
    with only_writer(tmp_path / "work"):
        pass


def test_the_lock_is_free_after_the_block(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path / "work"):
            pass


def test_the_processes_of_one_job_share_the_lock_of_the_first(tmp_path, holder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with only_writer(tmp_path / "work"):
        pass


def test_the_lock_names_the_slurm_job(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with only_writer(tmp_path / "work"):
        assert "(Slurm job 17)" in (tmp_path / ".work.lock").read_text()

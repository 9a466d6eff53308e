"""What a killed run of Snakemake leaves does not stand in the next one's way; a living one's lock holds."""

import os
import signal
import subprocess
import sys
import time

import pytest

from viper.errors import ViperError
from viper.workflow import runs

SNAKEFILE = """
from viper.workflow import runs
if workflow.is_main_process:
    runs.begin()
rule slow:
    output: "slow.txt"
    shell: "touch started; while [ ! -e go ]; do sleep 0.1; done; touch {output}"
rule quick:
    input: "slow.txt"
    output: "quick.txt"
    shell: "touch {output}"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "snakemake", "--cores", "1", "--rerun-incomplete", *arguments]


def run(folder, *arguments):
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def started(folder):
    """A run of Snakemake in a process group of its own, whose first job has begun."""
    process = subprocess.Popen(command("quick"), cwd=folder, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folder / "started").exists():
        assert time.monotonic() < deadline, "the run did not begin"
        assert process.poll() is None, "the run ended"
        time.sleep(0.1)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_after_a_killed_one_needs_no_unlocking(folder, started):
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert list((folder / ".snakemake" / "locks").iterdir())
    (folder / "go").touch()
    again = run(folder, "quick")
    assert again.returncode == 0, again.stderr
    assert (folder / "quick.txt").exists()


def test_a_living_run_keeps_its_lock(folder, started):
    refused = run(folder, "quick")
    assert refused.returncode == 1
    assert "Directory cannot be locked" in refused.stdout + refused.stderr
    assert run(folder, "--dry-run", "quick").returncode == 0
    assert list((folder / ".snakemake" / "locks").iterdir())
    (folder / "go").touch()
    assert started.wait(timeout=120) == 0
    assert run(folder, "quick").returncode == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ViperError, match="not a folder, where one is needed"):
        runs.begin(tmp_path / "file" / ".snakemake")


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(*_):
        raise runs.portalocker.LockException("no locks available")

    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").touch()
    monkeypatch.setattr(runs.portalocker, "lock", refuse)
    runs.begin(tmp_path)
    assert (tmp_path / "locks" / "0.input.lock").exists()


def test_the_lock_of_a_run_on_another_machine_stays(tmp_path, monkeypatch):
    lock = tmp_path / "locks" / "0.input.lock"
    lock.parent.mkdir()

    def begin_on(machine):
        monkeypatch.setattr(runs.socket, "gethostname", lambda: machine)
        runs.begin(tmp_path)
        runs._held.pop().close()  # killed

    begin_on("one")
    lock.touch()
    begin_on("two")
    assert lock.exists()
    begin_on("two")
    assert lock.exists(), "the first machine may still be at work"
    lock.unlink()  # by `snakemake --unlock`
    begin_on("two")
    lock.touch()
    begin_on("two")
    assert not lock.exists()

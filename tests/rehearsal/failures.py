"""What goes wrong in a rehearsal, on purpose: jobs that are killed or queued again in the middle of their work."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest


def wait_for(is_so: Callable[[], object], process: Popen, seconds: float = 1800) -> None:
    """Wait until something is so while a run is going on.

    Raises:
        pytest's failure: the run ended before, or it took too long.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said, _ = process.communicate()
            pytest.fail(f"what the rehearsal waits for did not happen:\n{said[-6000:]}")
        time.sleep(0.05)


def kill_command(word: str, root: Path) -> int:
    """Kill, as a computer that runs out of memory does, the one command of the checkout `root` with this argument.

    Returns:
        How many processes there were of it.
    """
    found = [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_one(entry, word, root)
    ]
    for number in found:
        os.kill(number, signal.SIGKILL)
    return len(found)


def _is_one(entry: Path, word: str, root: Path) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return words[1:3] == ["-m", "viper"] and word in words and (entry / "cwd").resolve() == root.resolve()
    except OSError:  # it has ended
        return False


def requeue(cluster, job: str, process: Popen) -> None:
    """Have Slurm queue a running job again, as when its node fails or is wanted by others, and start it soon."""
    cluster.ask("scontrol", "requeue", job)
    wait_for(lambda: cluster.job(job)["JobState"] == "PENDING", process)
    # Slurm would wait for two minutes. Less than a second is too little: its node would still refuse the job as killed.
    time.sleep(2)
    cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")

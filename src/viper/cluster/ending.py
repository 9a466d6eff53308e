"""The end of a Slurm job that is near: Slurm tells the job by a signal, and training saves a checkpoint.

`sbatch --signal=USR1@SECONDS` has the signal sent so long before the job's time limit, and at its preemption where the
cluster grants a grace time (docs/cluster.md). Which processes get it differs from cluster to cluster: the one that
Slurm started, or all that came from it. So the one that Slurm starts leaves a note, all others are deaf to the signal,
and training looks for the note after each step.
"""

import os
import signal
from pathlib import Path

SIGNAL = signal.SIGUSR1
FOLDER = Path(".snakemake/slurm_ending")  # below the working directory, which all nodes see


def _note() -> Path | None:
    """The file that says that the end of this Slurm job is near; None outside of Slurm."""
    job = os.environ.get("SLURM_JOB_ID")
    return FOLDER / job if job else None


def listen() -> None:
    """From now on, leave the note when Slurm sends its signal; outside of Slurm, nothing changes.

    A note of an attempt of this job that was ended before it could heed is taken away.
    """
    note = _note()
    if note is None:
        return
    note.unlink(missing_ok=True)

    def leave(*_: object) -> None:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()

    signal.signal(SIGNAL, leave)


def be_deaf() -> None:
    """Ignore the signal, as all programs do that this process starts or becomes."""
    signal.signal(SIGNAL, signal.SIG_IGN)


def is_near() -> bool:
    """Whether Slurm has said that this job is about to end."""
    note = _note()
    return note is not None and note.exists()


def heed() -> None:
    """Take the note away: what was to be saved is saved."""
    if note := _note():
        note.unlink(missing_ok=True)

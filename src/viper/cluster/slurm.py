"""What a run on a Slurm cluster makes sure of before it submits anything.

There is a Slurm, it has the partitions that slurm/partitions.yaml names, and no job of an earlier run still writes what
this one is about to make.
"""

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from viper.errors import ViperError


def check_partitions(wanted: Iterable[str], source: str | Path) -> None:
    """Make sure that Slurm answers and has these partitions.

    Args:
        wanted: names of partitions.
        source: the file that names them, for the message.

    Raises:
        ViperError: there is no Slurm, it does not answer, or it lacks a partition.
    """
    known = set(_ask("sinfo", "--noheader", "--format=%R").split())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ViperError(
            f"{source} names {', '.join(unknown)}, but this cluster's partitions are {', '.join(sorted(known))}: "
            f"correct the file, or let `generate-slurm-partition-config -o {source}` write it"
        )


def cancel_orphans(numbers: Iterable[str], folder: str | Path, patience: float = 300) -> list[str]:
    """Cancel those of these Slurm jobs that still wait or run, and return their numbers once they are gone.

    A Snakemake that was killed leaves its jobs behind, and a job that ends, or only starts, after its outputs have been
    made anew would remove or replace them.

    Args:
        numbers: Slurm's numbers of jobs that an earlier run submitted.
        folder: the working directory of that run; a number that Slurm has given to another job since is left alone.
        patience: seconds to wait for the end of the jobs, which may have something to put down first.

    Raises:
        ViperError: Slurm does not answer, or a job does not end.
    """
    orphans = _alive(set(numbers), folder)
    if not orphans:
        return []
    _ask("scancel", *orphans)
    deadline = time.monotonic() + patience
    while left := _alive(set(orphans), folder):
        if time.monotonic() > deadline:
            raise ViperError(
                f"jobs {', '.join(left)} of an earlier run, now cancelled, have not ended in {patience:.0f} seconds: "
                "wait until `squeue --me` no longer shows them, then run again"
            )
        time.sleep(0.5)
    return orphans


def _alive(numbers: set[str], folder: str | Path) -> list[str]:
    """Those of the jobs that this user has in the queue, at work, or ending, and that were submitted from `folder`."""
    lines = _ask("squeue", "--noheader", f"--user={os.getuid()}", "--format=%A|%Z").splitlines()
    jobs = dict(line.split("|", 1) for line in lines)
    here = Path(folder).resolve()
    return sorted(number for number, where in jobs.items() if number in numbers and Path(where).resolve() == here)


def _ask(*command: str) -> str:
    """What one of Slurm's commands prints.

    Raises:
        ViperError: there is no such command, or it fails.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise ViperError(
            f"no Slurm here: there is no command '{command[0]}'. Run where `sinfo` works (a cluster's login node), or "
            "leave --profile slurm out"
        ) from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["without a message"])[-1]
        raise ViperError(
            f"Slurm does not answer: `{' '.join(command)}` failed: {reason}. Does `sinfo` work?"
        ) from error

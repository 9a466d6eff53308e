"""What a run on a Slurm cluster makes sure of before it submits anything.

There is a Slurm, it has the partitions that slurm/partitions.yaml names, and no job of an earlier run still writes what
this one is about to make.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from viper.errors import ViperError
from viper.locking import HeldError, hold

# Below the working directory: one lock for each run that has jobs in Slurm's queue.
LOCKS = ".snakemake/slurm_runs"

_HELD: list[IO[str] | None] = []  # locks of this process, for as long as it lives


def check_partitions(wanted: Iterable[str], source: str | Path) -> None:
    """Make sure that Slurm answers and has these partitions.

    Args:
        wanted: names of partitions.
        source: the file that names them, for the message.

    Raises:
        ViperError: there is no Slurm, it does not answer, or it lacks a partition.
    """
    known = set(ask("sinfo", "--noheader", "--format=%R").split())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ViperError(
            f"{source} names {', '.join(unknown)}, but this cluster's partitions are {', '.join(sorted(known))}: "
            f"correct the file; `generate-slurm-partition-config` prints a draft of it"
        )


def begin_run(name: str, folder: str | Path, patience: float = 300) -> list[str]:
    """Note that the run `name` has begun in `folder`, and cancel what killed runs there have left in Slurm's queue.

    A Snakemake that was killed leaves its jobs behind, and a job that ends, or only starts, after its outputs have been
    made anew would remove or replace them. Each run holds a lock for as long as its process lives, and its jobs are
    called as it is: those of a run that holds its lock no more are orphans.

    Args:
        name: what the jobs of this run are called in Slurm's queue.
        folder: the working directory.
        patience: seconds to wait for the end of the orphans, which may have something to put down first.

    Returns:
        The numbers of the jobs that were cancelled and are gone.

    Raises:
        ViperError: Slurm does not answer; a job does not end; or jobs belong to a run on another machine, of which
            nobody here knows whether it lives.
    """
    locks = Path(folder) / LOCKS
    dead = _dead_runs(locks, {owner for _, owner in _queue(folder)})
    numbers = [number for number, owner in _queue(folder) if owner in dead]
    if numbers:
        ask("scancel", *numbers)
    _wait_for_end(numbers, folder, patience)
    for run in dead:
        (locks / f"{run}.lock").unlink()
    _HELD.append(hold(locks / f"{name}.lock"))
    return numbers


def _dead_runs(locks: Path, queued: set[str]) -> list[str]:
    """Runs whose process has ended."""
    dead = []
    for path in sorted(locks.glob("*.lock")):
        holder = path.read_text(encoding="utf-8").strip()
        if not holder.endswith(f" on {socket.gethostname()}"):
            if path.stem in queued:
                raise ViperError(
                    f"Slurm's queue has jobs called {path.stem}, of {holder}: if that Snakemake is no longer there, "
                    f"`scancel --name={path.stem}` and run again; else run there"
                )
            continue
        try:
            file = hold(path)
        except HeldError:
            continue
        if file is not None:  # without locks nobody knows
            file.close()
            dead.append(path.stem)
    return dead


def _wait_for_end(numbers: Sequence[str], folder: str | Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while left := sorted({number for number, _ in _queue(folder)} & set(numbers)):
        if time.monotonic() > deadline:
            raise ViperError(
                f"jobs {', '.join(left)} of an earlier run, now cancelled, have not ended in {patience:.0f} seconds: "
                "wait until `squeue --me` no longer shows them, then run again"
            )
        time.sleep(0.5)


def _queue(folder: str | Path) -> list[tuple[str, str]]:
    """Number and name of the jobs that this user has waiting, at work or ending, submitted from `folder`."""
    lines = ask("squeue", "--noheader", f"--user={os.getuid()}", "--sort=i", "--format=%A|%j|%Z").splitlines()
    jobs = [line.split("|", 2) for line in lines]
    return [(number, name) for number, name, where in jobs if Path(where).resolve() == Path(folder).resolve()]


def ask(*command: str) -> str:
    """What one of Slurm's commands prints.

    Raises:
        ViperError: there is no such command, or it fails.
    """
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
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

"""Runs of Snakemake in one folder: a run that was killed leaves Snakemake's own lock behind, which nobody holds.

Snakemake cannot tell such a lock from that of a living run, and asks for `--unlock`. Every run therefore shares one
more lock, which ends with its process. A run that finds itself alone removes what the dead ones left.

Some network disks keep locks within one machine. The lock's file therefore names the machines that ran here, and a run
removes nothing where another machine may be at work.
"""

import socket
from pathlib import Path
from typing import IO

import portalocker
from portalocker import LockFlags

from viper import system
from viper.errors import ViperError
from viper.workflow.metadata import LOCKS, STATE

LOCK = "runs.lock"

_held: list[IO[str]] = []  # until the process ends


def begin(state: Path = STATE) -> None:
    """Join the living runs of a folder; alone among them, remove the locks of killed ones.

    Where the file system has no locks, or the last runs were on another machine, nothing is removed, and Snakemake asks
    for `--unlock`.

    Args:
        state: where Snakemake keeps its records.

    Raises:
        ViperError: nothing can be written there.
    """
    try:
        state.mkdir(exist_ok=True)
        file = (state / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ViperError(system.explain(error, state)) from error
    _held.append(file)
    try:
        portalocker.lock(file, LockFlags.EXCLUSIVE | LockFlags.NON_BLOCKING)
        _clear(file, state)
    except portalocker.AlreadyLocked:
        pass  # others are alive, so their locks hold
    except portalocker.LockException:
        return
    print(socket.gethostname(), file=file, flush=True)
    portalocker.lock(file, LockFlags.SHARED)  # in place of the first lock: others may join


def _clear(file: IO[str], state: Path) -> None:
    """Remove the locks of dead runs if all of them were on this machine, and forget machines that left none."""
    file.seek(0)
    elsewhere = set(file.read().split()) - {socket.gethostname()}
    locks = list((state / LOCKS.name).glob("*.lock"))
    if elsewhere and locks:
        return
    for left in locks:
        left.unlink()
    file.truncate(0)

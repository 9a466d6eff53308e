"""Locks that end with their process, however that ends, and that say who holds them."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

import portalocker

from viper.errors import ViperError

log = logging.getLogger(__name__)


class HeldError(ViperError):
    """Another process holds the lock; the message says which one."""


def hold(path: str | Path) -> IO[str] | None:
    """Take the lock `path`, a file; it is held until what is returned is closed or the process ends.

    Returns:
        The open file, which says who holds it; None where the file system has no locks, after a warning.

    Raises:
        HeldError: another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = portalocker.Lock(path, mode="a+", fail_when_locked=True).acquire()
    except portalocker.AlreadyLocked:
        raise HeldError(path.read_text(encoding="utf-8").strip() or "another process") from None
    except portalocker.LockException as error:
        _warn(str(path.parent), str(error))
        return None
    file.truncate(0)
    file.write(_who_am_i())
    file.flush()
    return file


@contextmanager
def holding(path: str | Path) -> Iterator[None]:
    """Hold the lock `path` while the block runs, as `hold` does.

    Raises:
        HeldError: another process holds it.
    """
    file = hold(path)
    try:
        yield
    finally:
        if file is not None:
            file.close()


def is_free(path: str | Path) -> bool:
    """Whether no process, on any machine, holds the lock `path`, a file; False where the file system cannot tell.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        portalocker.Lock(path, mode="a", fail_when_locked=True).acquire().close()
    except portalocker.LockException:
        return False
    return True


@cache
def _warn(folder: str, reason: str) -> None:
    log.warning("%s: this file system has no locks (%s), so nothing keeps a second process out", folder, reason)


def _who_am_i() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f" (Slurm job {job})" if job else "")


@contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Keep others out of `folder`, which a job goes on from after an interruption, while the block runs.

    The lock is a hidden file beside the folder. Of several processes that share a job (`accelerate launch`) the first
    holds it for all.

    Raises:
        ViperError: another process is at work there: which one, and what to do.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    folder = Path(folder)
    try:
        file = hold(folder.with_name(f".{folder.name}.lock"))
    except HeldError as holder:
        raise ViperError(
            f"{folder}: {holder} is at work there. Wait for its end, or end it; nothing was changed"
        ) from None
    try:
        yield
    finally:
        if file is not None:
            file.close()

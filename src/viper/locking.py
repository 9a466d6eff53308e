"""One process at a time in a folder that a job goes on from after an interruption."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker

from viper.errors import ViperError

log = logging.getLogger(__name__)


@contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Keep others out of `folder` while the block runs; the lock ends with the process, however that ends.

    The lock is a file beside the folder, which also says who holds it. Of several processes that share a job
    (`accelerate launch`) the first holds it for all.

    Raises:
        ViperError: another process holds it: which one, and what to do.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f".{folder.name}.lock")
    lock = portalocker.Lock(path, mode="a+", fail_when_locked=True)
    try:
        file = lock.acquire()
    except portalocker.AlreadyLocked:
        holder = path.read_text(encoding="utf-8").strip() or "another process"
        raise ViperError(
            f"{folder}: {holder} is at work there. Wait for its end, or end it; nothing was changed"
        ) from None
    except portalocker.LockException as error:
        log.warning("%s: this file system has no locks (%s), so nothing keeps a second writer out", path, error)
        yield
        return
    try:
        file.truncate(0)
        file.write(_who_am_i())
        file.flush()
        yield
    finally:
        lock.release()


def _who_am_i() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f" (Slurm job {job})" if job else "")

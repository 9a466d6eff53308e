"""Which GPUs a job works on: as many as its rule asks for, each of them its own.

Snakemake counts GPUs and does not say which ones; without Slurm, every program that asks for one takes the first. A
rule that asks for GPUs is therefore started as `python -m viper.cluster.gpus NUMBER PROGRAM …`
(`viper.workflow.declaration`), which holds a lock for each GPU, names them in CUDA_VISIBLE_DEVICES, and becomes the
program: the locks end with it, however it ends.
"""

import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from viper.errors import ViperError
from viper.locking import HeldError, hold, holding

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 0.2  # seconds between two looks at GPUs that others hold


def usable(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that this process may work on, as CUDA_VISIBLE_DEVICES names them.

    Returns:
        Those of that variable, where a scheduler or a user has set it; else all that `nvidia-smi` lists, by their
        number; none where there is no driver.
    """
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def take(number: int, among: Sequence[str], folder: Path) -> tuple[list[str], list[IO[str]]]:
    """Take `number` of these GPUs, and wait until so many are free.

    Args:
        folder: of the locks; who shares it shares the GPUs.

    Returns:
        Their names, in the order of `among`, and the open files that hold them.

    Raises:
        ViperError: there are fewer, or nothing can be locked in `folder`.
    """
    if number > len(among):
        raise ViperError(
            f"this job asks for {number} GPUs, and {len(among)} can be used here: {', '.join(among) or 'none'}. Lower "
            f"`gpu` in models.*.job or training.machine.job, or set {VISIBLE} to more"
        )
    is_told = False
    while True:
        try:
            with holding(folder / "choosing.lock"):  # or each of two jobs takes a part of what both need
                names, files, holders = _take_free(number, among, folder)
                if len(names) == number:
                    return names, files
                for file in files:
                    file.close()
        except HeldError:
            time.sleep(PAUSE / 10)
            continue
        if not is_told:
            log.info("waiting for %d of the GPUs %s; at work there: %s", number, ", ".join(among), "; ".join(holders))
            is_told = True
        time.sleep(PAUSE)


def _take_free(number: int, among: Sequence[str], folder: Path) -> tuple[list[str], list[IO[str]], list[str]]:
    """Up to `number` GPUs that nobody holds, the files that hold them now, and who holds others."""
    names, files, holders = [], [], []
    for name in among:
        if len(names) == number:
            break
        try:
            file = hold(folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.lock")
        except HeldError as holder:
            holders.append(str(holder))
            continue
        if file is None:
            raise ViperError(
                f"{folder}: this file system has no locks, so two jobs would take the same GPU: set TMPDIR to a folder "
                "on a disk of this machine"
            )
        names.append(name)
        files.append(file)
    return names, files, holders


def place_of_locks(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of locks that all who share these GPUs have: of a user on one machine, or of a job of Slurm's."""
    job = environment.get("SLURM_JOB_ID")  # which has GPUs of its own, and may number them from 0
    return Path(tempfile.gettempdir()) / f"viper-gpus-{os.getuid()}" / (job or "machine")


def main(arguments: Sequence[str]) -> None:
    """Become a program that sees GPUs of its own: NUMBER PROGRAM [ARGUMENT …]. Without any GPU here, it sees none.

    Raises:
        ViperError: see `take`; or there is no such program.
    """
    number, *command = arguments
    if among := usable():
        names, files = take(int(number), among, place_of_locks())
        for file in files:
            os.set_inheritable(file.fileno(), True)  # held until the program ends
        os.environ |= {VISIBLE: ",".join(names), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as nvidia-smi numbers them
    try:
        os.execvp(command[0], command)
    except FileNotFoundError as error:
        raise ViperError(f"no program '{command[0]}' in this environment: run `make setup`") from error


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        main(sys.argv[1:])
    except ViperError as error:
        sys.exit(f"error: {error}")

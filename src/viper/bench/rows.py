"""Memory of the rows that a training reads, against how many there are, how often they come, and in how many processes.

What is measured is memory of a process's own (RssAnon): the pages of a mapped file are the system's, there once for all
processes, and taken back when memory is short.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from viper.errors import ViperError
from viper.synthesis.rows import IMAGES, TEXT, TEXTS, Row, pack_image, write_groups

CASES = ((80, 1, 1), (320, 1, 1), (320, 10, 2))  # rows, repeats, processes
_SIDE = 256  # pixels: 190 kB of noise
_STATUS = Path("/proc/self/status")


def own_memory() -> float:
    """Memory of this process that is in no file, in MB.

    Raises:
        ViperError: the system does not say.
    """
    if not _STATUS.is_file():
        raise ViperError("a process's own memory is read from /proc/self/status, which only Linux has: measure there")
    (line,) = (line for line in _STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) / 1024


@contextmanager
def growth(every: float = 0.005) -> Iterator[dict[str, float]]:
    """Watch `own_memory` every so many seconds; after the block, `grown_mb` of what it yields has the most it grew."""
    found = {"grown_mb": 0.0}
    before, done = own_memory(), threading.Event()

    def watch() -> None:
        while True:
            ended = done.wait(every)
            found["grown_mb"] = max(found["grown_mb"], own_memory() - before)
            if ended:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def hold(path: Path, rows: int, folder: Path) -> None:
    """Lay a data set out as training does and read every row; one process of several, or the only one.

    Writes the memory that it took beyond what it had before, in MB, to a file of `folder`.
    """
    from accelerate import PartialState

    from viper.bench.grpo import one_step
    from viper.training import data

    options = one_step(rows, 2, 1)
    processes = PartialState(cpu=True)
    with growth() as found:
        laid_out = data.undecoded(data.lay_out(options, [path], folder / "rows", seed=0))
        for number in range(len(laid_out)):
            data.read_row(laid_out, number)
    (folder / f"{processes.process_index}.json").write_text(json.dumps(found), encoding="utf-8")
    processes.wait_for_everyone()  # before one of them ends, and the launcher ends the others


def against_copies(
    arguments: list[str], cases: tuple[tuple[int, int, int], ...] = CASES, side: int = _SIDE
) -> pd.DataFrame:
    """Measure every case of rows × repeats × processes, each process anew.

    Args:
        arguments: command line, after the interpreter, to which the data set, the number of prompts, a folder and the
            number of processes are added; each of them writes `grown_mb` to a file NUMBER.json of the folder.
        side: of a row's picture, pixels.

    Returns:
        Columns rows, repeats, processes; data_mb, the size of the data set; copied_mb, rows × repeats × processes times
        a row's size, which a copy for each would take; grown_mb, what all processes together took, and most_mb, what
        the one took that took most.
    """
    found = []
    for rows, repeats, processes in cases:
        with tempfile.TemporaryDirectory(prefix="viper-rows-") as folder:
            path = Path(folder) / "train.parquet"
            write_groups(path, _groups(rows, side), {"images": IMAGES, "prompt": TEXT, "ground_truth": TEXTS})
            launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
            subprocess.run(
                [sys.executable, *launcher, *arguments, path, str(rows * repeats), folder, str(processes)],
                check=True,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            grown = [json.loads(file.read_text(encoding="utf-8"))["grown_mb"] for file in Path(folder).glob("*.json")]
            size = path.stat().st_size / 2**20
        found.append(
            {
                "rows": rows,
                "repeats": repeats,
                "processes": processes,
                "data_mb": size,
                "copied_mb": size * repeats * processes,
                "grown_mb": sum(grown),
                "most_mb": max(grown),
            }
        )
    return pd.DataFrame(found).round(1)


def _groups(rows: int, side: int) -> Iterator[list[Row]]:
    rng = np.random.default_rng(0)
    for _ in range(rows):
        picture = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        yield [{"images": [pack_image(picture)], "prompt": "What is it ?", "ground_truth": ["Noise."]}]

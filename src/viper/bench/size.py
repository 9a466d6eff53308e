"""Cost against the amount of data: seconds should lie on a straight line, and memory should not grow."""

import json
import resource
import subprocess
import sys
import time

import pandas as pd

from viper.bench.synthesis import Loop, seed_rows

_SMALLEST = 128  # one full batch of the VLM


def run_once(loop: Loop, images: int) -> dict:
    """Seconds and peak memory, in MB, of the loop over so many seed images in this process."""
    rows = seed_rows(images)
    loop.run(rows[:8])
    start = time.perf_counter()
    loop.run(rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"images": images, "seconds": time.perf_counter() - start, "peak_mb": peak}


def against_size(arguments: list[str], factors: tuple[int, ...] = (1, 2, 4, 8)) -> pd.DataFrame:
    """A process of its own for each size, since peak memory never falls.

    Args:
        arguments: command line, after the interpreter, to which the number of images is added; it prints a row of
            `run_once` as JSON on its last line.

    Returns:
        Columns images, seconds, peak_mb, line_seconds (the least-squares line through the origin), off_line.
    """
    rows = []
    for factor in factors:
        command = [sys.executable, *arguments, str(_SMALLEST * factor)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    table = pd.DataFrame(rows)
    slope = float((table["images"] * table["seconds"]).sum() / (table["images"] ** 2).sum())
    table["line_seconds"] = slope * table["images"]
    table["off_line"] = table["seconds"] / table["line_seconds"] - 1
    return table.round(4)

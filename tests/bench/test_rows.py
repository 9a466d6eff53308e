"""Memory of training's rows: what counts as a process's own, and that rows, repeats and processes do not add to it."""

import mmap
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

from viper.bench.rows import against_copies, growth

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process's own memory is read from /proc")
MB = 2**20


def test_growth_is_the_most_that_was_held_at_once():
    with growth(every=0.001) as found:
        for _ in range(3):
            # Asked of the system: malloc may give what was freed before, which is a process's own already.
            held = mmap.mmap(-1, 80 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            np.frombuffer(held, dtype=np.uint8)[:] = 1
            deadline = time.monotonic() + 10  # the watcher is a thread: a busy machine may not let it look at once
            while found["grown_mb"] < 75 and time.monotonic() < deadline:
                time.sleep(0.002)
            held.close()
    assert 75 < found["grown_mb"] < 150, "not the sum of the three"


def test_pages_of_a_mapped_file_are_nobodys_own(tmp_path):
    (tmp_path / "file").write_bytes(np.random.default_rng(0).bytes(30 * MB))
    with growth(every=0.001) as found, pa.memory_map(str(tmp_path / "file")) as file:
        pages = np.frombuffer(file.read_buffer(), dtype=np.uint8)
        assert pages.any()
        assert pages.max() == 255
    assert found["grown_mb"] < 10


@pytest.mark.slow
def test_processes_hold_no_row_of_their_own():
    """A copy a row, repeat and process would take 15, 60 and 1,200 MB."""
    table = against_copies(["-m", "viper", "hold-rows"])
    assert table["copied_mb"].tolist() == pytest.approx([15, 60, 1200], rel=0.05)
    assert table["most_mb"].max() < 40
    assert table["most_mb"].max() < table["most_mb"].min() + 10, "flat"

"""Cost against size: a straight line through the origin, and a process of its own for each size."""

import pytest

from viper.bench.size import against_size

PRINTS = "import json, sys; n = int(sys.argv[1]); print('hello'); print(json.dumps({fields}))"


def test_work_in_proportion_lies_on_the_line():
    table = against_size(["-c", PRINTS.format(fields="dict(images=n, seconds=0.5 * n, peak_mb=100)")])
    assert table["images"].tolist() == [128, 256, 512, 1024]
    assert table["off_line"].abs().max() < 1e-6


def test_work_that_grows_faster_leaves_the_line():
    table = against_size(["-c", PRINTS.format(fields="dict(images=n, seconds=1e-3 * n * n, peak_mb=n)")])
    assert table["off_line"].iloc[0] < -0.5
    assert table["off_line"].iloc[-1] == pytest.approx(0.14, abs=0.1)

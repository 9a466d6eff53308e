"""Speed measurements: what is timed, in which order, and what a row says."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from viper.analysis.figures import speed
from viper.bench.alternate import COLUMNS, Comparison, measure, table
from viper.bench.floor import floor_seconds, matrix_rate
from viper.plotting import plt


def comparison(baseline, ours, **changes):
    return Comparison("sleep", "tiny", "nap", baseline, ours, **changes)


def test_ratio_is_of_seconds_per_unit():
    now = [0.0]
    seconds = {"baseline": iter([9, 4, 8, 4]), "ours": iter([9, 2, 2, 2])}  # the first of each: untimed

    def way(name, units):
        def work():
            now[0] += next(seconds[name])
            return units

        return work

    played = comparison(way("baseline", 2), way("ours", 4), target=3, floor=0.25, clock=lambda: now[0])
    row = measure(played, rounds=3)
    assert (row["baseline"], row["ours"]) == (2, 0.5)
    assert (row["low"], row["ratio"], row["high"]) == (4, 4, 8)
    assert row["times_floor"] == 2
    assert list(table([row]).columns) == COLUMNS


def test_ways_take_turns_and_change_who_goes_first():
    calls = []
    measure(comparison(lambda: calls.append("b") or 1, lambda: calls.append("o") or 1), rounds=3)
    assert "".join(calls) == "bo" + "ob" + "bo" + "ob"


def test_floor_counts_the_operations_of_matrix_products():
    a = torch.ones(100, 200)

    def work():
        a @ a.T
        return 4

    assert floor_seconds(work, rate=1e6) == pytest.approx(2 * 100 * 200 * 100 / 1e6 / 4)


def test_floor_counts_in_inference_mode_and_inside_modules():
    layer = torch.nn.Linear(200, 100)

    def work():
        with torch.inference_mode():
            inner = layer(torch.ones(50, 200))
        layer(torch.ones(50, 200)).sum().backward()  # backward: the weight's gradient only
        return int(inner.shape[1] / 100)

    assert floor_seconds(work, rate=1e6) == pytest.approx(3 * 2 * 50 * 200 * 100 / 1e6)


def test_matrix_rate_is_that_of_this_machine():
    assert 1e9 < matrix_rate() < 1e15


def test_figure_shows_every_row():
    rows = [measure(comparison(lambda: time.sleep(0.004) or 1, lambda: time.sleep(0.002) or 1, target=2), 2)] * 3
    figure = speed.draw(pd.DataFrame(rows))
    (axes,) = figure.axes
    assert len(axes.get_yticks()) == 3
    assert np.isfinite(axes.get_xlim()).all()
    plt.close(figure)

"""Reward curves: phases laid end to end, smoothing within a phase, and the step from which one stays above another."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viper.analysis.rewards import AHEAD, BEHIND, OVERTAKES, crossing, crossings, over_seeds, read
from viper.errors import ViperError
from viper.layout import Layout


@pytest.fixture
def write_metrics(tmp_path):
    """Return a function that writes the rewards of one phase as training does, and returns all that it wrote."""
    written = []

    def write(lineage, rewards, seed=0):
        path = tmp_path / Layout("toy").metrics("train.csv", lineage=lineage, seed=seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        steps = np.arange(1, len(rewards) + 1)
        pd.DataFrame({"step": steps, "reward": rewards, "loss": 0.0}).to_csv(path, index=False)
        written.append(path)
        return list(written)

    return write


@pytest.mark.parametrize(
    ("curve", "other", "expected"),
    [
        ([1, 2, 3, 4], [2, 3, 1, 1], (OVERTAKES, 2)),
        ([1, 4, 1, 4], [2, 2, 2, 2], (OVERTAKES, 3)),  # not where it is above for a moment
        ([3, 3, 3, 3], [2, 2, 2, 2], (AHEAD, None)),
        ([1, 3, 3, 1], [2, 2, 2, 2], (BEHIND, None)),
        ([2, 2, 2, 2], [2, 2, 2, 2], (BEHIND, None)),  # equal is not above
    ],
)
def test_crossing(curve, other, expected):
    assert crossing(np.array(curve), np.array(other)) == expected


def test_phases_follow_each_other_and_a_supervised_one_takes_no_steps(write_metrics):
    write_metrics("base.cold", [np.nan] * 4)
    write_metrics("base.cold.csr", [0.0, 1.0, 2.0])
    paths = write_metrics("base.cold.csr.vop", [5.0, 7.0])
    runs = read(paths, ["base.cold.csr.vop"], window=2)
    assert list(runs["stage"]) == ["base.cold.csr"] * 3 + ["base.cold.csr.vop"] * 2
    assert list(runs["step"]) == [1, 2, 3, 4, 5]
    # Smoothing does not reach over the border of two phases, whose rewards are those of other prompts.
    assert list(runs["smoothed"]) == [0.0, 0.5, 1.5, 5.0, 6.0]


def test_a_further_update_on_the_same_responses_is_a_step_without_a_point(write_metrics):
    write_metrics("base.csr", [1.0, np.nan, 3.0, np.nan])
    paths = write_metrics("base.csr.vop", [5.0, np.nan, 7.0, np.nan])
    runs = read(paths, ["base.csr.vop"], window=3)
    assert list(runs["step"]) == [1, 3, 5, 7]
    assert list(runs["smoothed"]) == [1.0, 2.0, 5.0, 6.0]
    assert over_seeds(runs)["reward"].notna().all()


def test_the_band_goes_from_the_lowest_seed_to_the_highest(write_metrics):
    for seed, rewards in enumerate(([1.0, 1.0], [2.0, 4.0], [3.0, 1.0])):
        paths = write_metrics("base.csr", rewards, seed=seed)
    curve = over_seeds(read(paths, ["base.csr"], window=1))
    assert list(curve["smoothed"]) == [2.0, 2.0]
    assert list(curve["low"]) == [1.0, 1.0]
    assert list(curve["high"]) == [3.0, 4.0]
    assert set(curve["seeds"]) == {3}


def test_crossings_are_found_in_the_mean_and_for_each_seed(write_metrics):
    for seed, rewards in enumerate(([1.0, 1.0, 4.0, 4.0], [1.0, 4.0, 4.0, 4.0])):
        write_metrics("base.csr", rewards, seed=seed)
        write_metrics("base.cold", [np.nan], seed=seed)
        paths = write_metrics("base.cold.csr", [3.0] * 4, seed=seed)
    table = crossings(read(paths, ["base.csr", "base.cold.csr"], window=1)).set_index("run")
    assert dict(table["step"]) == {"mean": 3, "seed 0": 3, "seed 1": 2}
    assert set(table["published"]) == {300}
    assert table.loc["mean", ["final", "final_compared_with"]].tolist() == [3.0, 4.0]


def test_what_has_no_reward_has_no_curve(write_metrics):
    paths = write_metrics("base.sft", [np.nan, np.nan])
    with pytest.raises(ViperError, match=r"base\.sft: no phase was trained with a reward"):
        read(paths, ["base.sft"], window=1)


def test_missing_files_are_named(write_metrics):
    paths = write_metrics("base.csr", [1.0], seed=4)
    with pytest.raises(ViperError, match=r"base\.mix with seed 4: no file of metrics was named"):
        read(paths, ["base.mix"], window=1)
    paths[0].unlink()
    with pytest.raises(ViperError, match=r"base\.csr/seed4/train\.csv: missing"):
        read(paths, ["base.csr"], window=1)
    with pytest.raises(ViperError, match=r"^train\.csv: not LINEAGE/seedN: name files as the rules write them"):
        read([Path("train.csv")], ["base.csr"], window=1)


def test_the_order_of_the_rows_of_a_phase_changes_nothing(write_metrics):
    paths = write_metrics("base.csr", [1.0, np.nan, 3.0, 5.0])
    runs = read(paths, ["base.csr"], window=2)
    pd.read_csv(paths[0]).iloc[::-1].to_csv(paths[0], index=False)
    pd.testing.assert_frame_equal(read(paths, ["base.csr"], window=2), runs)


@pytest.mark.parametrize("steps", [[1, 2.7, 3], [1, 2, 2], [1, 2, 4], [1, 2, np.inf], [1, 2, np.nan], [0, 1, 2], []])
def test_steps_that_are_none_are_refused(write_metrics, steps):
    (path,) = write_metrics("base.csr", [1.0])
    pd.DataFrame({"step": steps, "reward": 1.0}).to_csv(path, index=False)
    with pytest.raises(ViperError, match=r"base\.csr/seed0/train\.csv: .*train this lineage again"):
        read([path], ["base.csr"], window=1)


def test_a_reward_without_end_a_run_cut_off_and_what_is_named_twice_are_refused(write_metrics, tmp_path):
    write_metrics("base.csr", [1.0, np.inf])
    paths = write_metrics("base.csr", [1.0, 2.0], seed=1)
    with pytest.raises(ViperError, match=r"seed0/train\.csv: the row step 2.*: reward is inf, no finite number"):
        read(paths, ["base.csr"], window=1)
    write_metrics("base.csr", [1.0])
    with pytest.raises(ViperError, match=r"seed1/train\.csv: has rewards at 2 steps, .*seed0/train\.csv at 1 or at"):
        read(paths, ["base.csr"], window=1)
    with pytest.raises(ViperError, match=r"^base\.csr: named twice"):
        read(paths, ["base.csr", "base.csr"], window=1)
    other = tmp_path / "other/base.csr/seed1/train.csv"
    with pytest.raises(
        ViperError, match=r"seed1/train\.csv and .*other/base\.csr/seed1/train\.csv: both are of base\.csr"
    ):
        read([*paths, other], ["base.csr"], window=1)

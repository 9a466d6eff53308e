"""What is watched in every sampling, and how it gets into train.csv."""

import csv
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.completion import write
from viper.config.training import Alarm
from viper.reward.scoring import Match, Score
from viper.training.monitors import MONITORS, alarms, watch
from viper.training.records import MetricsWriter

RED, BLUE = "The star is red.", "The star is blue."
PROMPT = f"Look at it. {BLUE}"


def score(*hits):
    return Score(1.0, 1.0, 1.0, 1.0, tuple(Match(text, text, 1.0, is_hit, 0.5) for text, is_hit in hits))


def watched(said, scores, group_size=2, meaning=str.casefold):
    completions = [write("x", each) for each in said]
    return watch([PROMPT] * len(said), [[RED]] * len(said), completions, scores, group_size, meaning)


def test_copies_distinct_answers_and_true_hits_are_counted():
    seen = watched([RED, BLUE, BLUE, BLUE], [score((RED, True)), *[score((BLUE, True))] * 2, score((BLUE, False))])
    assert seen["copied"] == 3 / 4
    assert seen["distinct"] == 1.5
    assert seen["precision"] == pytest.approx(1 / 3)


def test_thoughts_make_no_answer_distinct():
    seen = watch([PROMPT] * 2, [[RED]] * 2, [write("a", RED), write("b", RED)], [score()] * 2, 2, None)
    assert seen["distinct"] == 1


def test_what_cannot_be_counted_is_not_a_number_and_alarms_nobody():
    seen = watched(["", ""], [score(), score()])
    assert np.isnan(seen["copied"])
    assert np.isnan(seen["precision"])
    assert alarms(seen, Alarm(distinct=1.0)) == []
    assert np.isnan(watched([RED, RED], [score((RED, True))] * 2, meaning=None)["precision"])


@given(st.lists(st.sampled_from([RED, BLUE, ""]), min_size=1, max_size=12), st.integers(1, 5))
def test_monitors_are_within_their_bounds(said, group_size):
    seen = watched(said, [score((each, True)) if each else score() for each in said], group_size)
    assert np.isnan(seen["copied"]) or 0 <= seen["copied"] <= 1
    assert np.isnan(seen["precision"]) or 0 <= seen["precision"] <= 1
    assert 1 <= seen["distinct"] <= group_size


def write_step(writer, step, **seen):
    state = SimpleNamespace(is_world_process_zero=True, global_step=step, num_input_tokens_seen=0)
    writer.on_log(None, state, None, {"loss": 0.1, "num_tokens": 10.0 * step, **seen})


def test_an_alarm_is_written_and_warned_of_and_a_resumed_run_keeps_its_columns(tmp_path, caplog):
    path = tmp_path / "train.csv"
    with caplog.at_level(logging.WARNING):
        write_step(MetricsWriter(path, alarm=Alarm(copied=0.5)), 1, copied=0.75, distinct=3.0, precision=0.9)
        write_step(MetricsWriter(path, True, alarm=Alarm(copied=0.5)), 2)  # goes on with what was sampled before
    first, second = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    assert [first[name] for name in (*MONITORS, "alarm")] == ["0.75", "3", "0.9", "copied"]
    assert [second[name] for name in (*MONITORS, "alarm")] == [""] * 4
    assert [record.getMessage() for record in caplog.records] == [
        "step 1: the reward may be earned without looking: copied 0.75"
    ]

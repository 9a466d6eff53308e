"""What a training run writes down step by step: metrics as CSV, sampled responses as JSON Lines.

Both are written while training runs, in its work folder; each checkpoint keeps a copy of them as they were at its step,
so that an interrupted run goes on where that ends (`viper.training.checkpoints`).
"""

import csv
import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from viper.config.training import Alarm
from viper.training.monitors import MONITORS, alarms

log = logging.getLogger(__name__)

# column → the name under which TRL logs it
TRL_NAMES = {
    "reward": "reward",
    "reward_std": "reward_std",
    "reward_format": "reward_format",
    "reward_correct": "reward_correct",
    "frac_zero_variance": "frac_reward_zero_std",
    "completion_length": "completions/mean_length",
    "frac_truncated": "completions/clipped_ratio",
    "entropy": "entropy",
    "clip_low": "clip_ratio/low_mean",
    "clip_high": "clip_ratio/high_mean",
    # `viper.training.monitors` says what these three are
    "copied": "copied",
    "distinct": "distinct",
    "precision": "precision",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "loss": "loss",
}
COLUMNS = ("step", *TRL_NAMES, "alarm", "tokens", "seconds")
_TOKENS = "num_tokens"  # TRL's name of how many tokens it has seen so far
# Further columns of a run whose sampling by vLLM is corrected → the name under which `viper.training.vllm_rollouts`
# logs them
CORRECTION_NAMES = {
    "weight": "correction/weight",
    "frac_cut": "correction/frac_cut",
    "logp_difference": "correction/logp_difference",
}


class MetricsWriter(TrainerCallback):
    """Appends one row of COLUMNS to a CSV file per optimizer step; what a method does not measure stays empty.

    A run whose sampling is corrected has CORRECTION_NAMES besides: over the tokens that the step was made on, the mean
    weight, the share whose weight was set to a bound or to zero, and the mean absolute difference between the
    log-probabilities of sampling and of training, in nats.

    Lengths are in tokens, `seconds` is the wall time since the step before (sampling, reward and update together), and
    `reward_std` is taken over the whole batch. `tokens` are those of prompts and responses, padding left out, that the
    step sampled, or was made on where nothing is sampled; empty where a step goes on with what was sampled before.
    `alarm` names the monitors that are beyond their limits, which is warned of too; empty where none is.
    """

    def __init__(self, path: Path, is_resumed: bool = False, *, is_corrected: bool = False, alarm: Alarm | None = None):
        self.path = path
        self.alarm = alarm or Alarm()
        self.names = TRL_NAMES | (CORRECTION_NAMES if is_corrected else {})
        self.columns = (*COLUMNS, *CORRECTION_NAMES) if is_corrected else COLUMNS
        if not is_resumed:
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns, lineterminator="\n").writeheader()
        self.last, self.seen = time.perf_counter(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock, and go on counting tokens where an interrupted run left off, if its trainer does so."""
        self.last, self.seen = time.perf_counter(), state.num_input_tokens_seen

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Write the row of the step that just ended; the summary after the last step has no loss and is left out."""
        if not state.is_world_process_zero or "loss" not in logs:
            return
        now = time.perf_counter()
        row = {column: _rounded(logs.get(name)) for column, name in self.names.items()}
        seen = logs.get(_TOKENS)
        row["tokens"] = _rounded(None if seen is None else seen - self.seen)
        self.seen = self.seen if seen is None else seen
        beyond = alarms({name: logs.get(name, math.nan) for name in MONITORS}, self.alarm)
        row["alarm"] = " ".join(beyond)
        if beyond:
            told = ", ".join(f"{name} {row[name]}" for name in beyond)
            log.warning("step %d: the reward may be earned without looking: %s", state.global_step, told)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, lineterminator="\n").writerow(
                {"step": state.global_step, **row, "seconds": f"{now - self.last:.3f}"}
            )
        self.last = now


def _rounded(value: float | None) -> str:
    """Six significant digits: more than any of these numbers is worth."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


class RolloutWriter:
    """Appends the first group of responses of every N-th step to a JSON Lines file, one line per response."""

    def __init__(self, path: Path, every: int, group_size: int, is_resumed: bool = False):
        self.path, self.every, self.group_size = path, every, group_size
        if not is_resumed:
            path.write_text("", encoding="utf-8")

    def write(self, step: int, rows: Callable[[int], dict[str, Any]]) -> None:
        """Write `rows(0)`, `rows(1)`, … of one group if this step is to be recorded."""
        if (step - 1) % self.every == 0:
            with self.path.open("a", encoding="utf-8") as file:
                for index in range(self.group_size):
                    file.write(json.dumps({"step": step, **rows(index)}) + "\n")

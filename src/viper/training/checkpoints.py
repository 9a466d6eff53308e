"""Checkpoints that an interrupted run goes on from: whole, with the run's records, and checked before use."""

import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import broadcast
from transformers import TrainerCallback

from viper.cluster import ending
from viper.digests import DamagedError
from viper.errors import ViperError
from viper.manifest import MANIFEST, model_folder, write_manifest

log = logging.getLogger(__name__)

RECORDS = ("train.csv", "rollouts.jsonl")


class CheckpointSealer(TrainerCallback):
    """Completes each checkpoint: the run's records as they are at its step, then a manifest of all its files.

    The trainer calls it when it has written the checkpoint, in every process; the first one does the work when all have
    written their part. A checkpoint without a manifest was still being written when the run ended.
    """

    def __init__(self, work: Path):
        self.work = work

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Seal the checkpoint of the step that just ended."""
        processes = PartialState()
        processes.wait_for_everyone()
        if processes.is_main_process:
            checkpoint = self.work / f"checkpoint-{state.global_step}"
            for name in RECORDS:
                shutil.copyfile(self.work / name, checkpoint / name)
            write_manifest(checkpoint)
            ending.heed()
        processes.wait_for_everyone()


class SaverBeforeTheEnd(TrainerCallback):
    """Has a checkpoint saved when Slurm says that the job is about to end (`viper.cluster.ending`).

    The run then goes on: if Slurm ends it, at most the steps since are done again.

    Args:
        every: steps after which a run can be continued; a checkpoint waits for the next of them.
    """

    def __init__(self, every: int):
        self.every = every

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask the trainer for a checkpoint, in every process or in none."""
        if state.global_step % self.every == 0 and _first_says(ending.is_near()):
            log.info("Slurm is about to end this job: saving a checkpoint at step %d", state.global_step)
            control.should_save = True


def _first_says(value: bool) -> bool:
    """What the first of all processes has there."""
    processes = PartialState()
    if processes.num_processes == 1:
        return value
    said = torch.tensor(int(value), device=processes.device)
    return bool(broadcast(said, from_process=0).item())


def step_of(checkpoint: Path) -> int:
    """The number of optimizer steps behind a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def last_whole(work: Path) -> Path | None:
    """The last checkpoint below `work` that has the bytes it was written with; None where there is none.

    A damaged one is reported and passed over; so is one without a manifest, whose writing never ended.
    """
    for checkpoint in sorted(work.glob("checkpoint-*"), key=step_of, reverse=True):
        try:
            return model_folder(checkpoint / MANIFEST, "Going on from the checkpoint before it")
        except DamagedError as error:
            log.warning("%s", error)
        except ViperError:
            log.info("%s was not written to its end: passed over", checkpoint)
    return None


def restore_records(checkpoint: Path, work: Path) -> None:
    """Put the run's records back to where they were at the step of `checkpoint`."""
    for name in RECORDS:
        shutil.copyfile(checkpoint / name, work / name)

"""Settings that every TRL trainer shares."""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from viper.config.training import Machine, TrainOptions
from viper.errors import ViperError
from viper.models.pretrained import EYES, VISION_TOWERS


def require_gpus(machine: Machine) -> None:
    """Stop before anything is loaded where GPUs are asked for that are not there.

    Raises:
        ViperError: fewer GPUs on this node than its share of training.machine.devices.
    """
    if machine.device == "cuda" and torch.cuda.device_count() < machine.devices_of_node:
        raise ViperError(
            f"training.machine asks for {machine.devices_of_node} GPUs, this machine shows "
            f"{torch.cuda.device_count()}: ask the job for them (training.machine.job.gpu), or set "
            "training.machine.devices or device"
        )


def trainer_arguments(options: TrainOptions, *, seed: int, work: Path) -> dict[str, Any]:
    """Arguments of transformers.TrainingArguments for `options`; checkpoints to resume from go to `work`."""
    phase, machine = options.phase, options.machine
    accumulation = {"gradient_accumulation_kwargs": {"sync_each_batch": True}}
    return {
        "output_dir": str(work),
        "seed": seed,
        "data_seed": seed,
        "full_determinism": machine.deterministic,
        "max_steps": phase.steps,
        "per_device_train_batch_size": phase.responses_per_pass,
        "gradient_accumulation_steps": phase.responses_per_step // (phase.responses_per_pass * machine.devices),
        "learning_rate": phase.learning_rate,
        "lr_scheduler_type": phase.schedule,
        "warmup_steps": phase.warmup_steps,
        "weight_decay": phase.weight_decay,
        "max_grad_norm": phase.max_grad_norm,
        "bf16": machine.precision == "bfloat16",
        "use_cpu": machine.device == "cpu",
        "gradient_checkpointing": machine.gradient_checkpointing,
        "logging_steps": 1,
        **({"accelerator_config": accumulation} if machine.sync_each_batch else {}),
        "save_strategy": "steps",
        "save_steps": options.records.checkpoint_every,
        "save_total_limit": 2,  # where the last one is damaged, the run goes on from the one before
        "report_to": "none",
    }


def freeze_vision_tower(model: PreTrainedModel) -> None:
    """Take out of training what makes tokens of pictures: the vision tower, and what projects its features.

    Raises:
        ViperError: the model has no tower under a name known to us.
    """
    inner = model.base_model
    if not any(hasattr(inner, name) for name in VISION_TOWERS):
        raise ViperError(
            f"freeze_vision is true, but {type(model).__name__} has no vision tower under a known name: set it to false"
        )
    for name in EYES:
        if hasattr(inner, name):
            getattr(inner, name).requires_grad_(False)

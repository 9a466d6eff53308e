"""Low-rank adapters through peft: which layers get them, and a checkpoint that has them merged in."""

from pathlib import Path
from typing import Any

import torch

from viper.config.training import Grpo, Lora, Sft
from viper.models.pretrained import load_model
from viper.training.common import VISION_TOWERS


def lora_config(phase: Grpo | Sft) -> Any:
    """The peft.LoraConfig of a phase for TRL's `peft_config`; None where all weights are trained.

    A frozen vision tower gets no adapters.
    """
    return adapters(phase.lora, freeze_vision=phase.freeze_vision) if phase.lora else None


def adapters(lora: Lora, *, freeze_vision: bool) -> Any:
    """The peft.LoraConfig of a section; a frozen vision tower gets no adapters."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        exclude_modules=rf".*\.({'|'.join(VISION_TOWERS)})\..*" if freeze_vision else None,
        task_type="CAUSAL_LM",
    )


def save_whole(trained: Path, folder: Path, *, adapters_of: Path | None, dtype: torch.dtype) -> None:
    """Write what a trainer saved as a checkpoint like any other.

    Args:
        trained: folder of the trainer's weights, or of its adapters.
        folder: to write to.
        adapters_of: folder of the checkpoint that the adapters belong to; None where all weights were trained.
        dtype: of the written weights; adapters are merged in float32.
    """
    model = load_model(adapters_of or trained, torch.float32)
    if adapters_of is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, trained).merge_and_unload()
    model.to(dtype).save_pretrained(folder)

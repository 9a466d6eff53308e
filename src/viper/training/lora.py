"""Low-rank adapters through peft: which layers get them, and a checkpoint that has them merged in."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText

from viper.config.training import Grpo, Sft
from viper.training.common import VISION_TOWERS


def lora_config(phase: Grpo | Sft) -> Any:
    """The peft.LoraConfig of a phase for TRL's `peft_config`; None where all weights are trained.

    A frozen vision tower gets no adapters.
    """
    if phase.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=phase.lora.rank,
        lora_alpha=phase.lora.alpha,
        lora_dropout=phase.lora.dropout,
        target_modules=phase.lora.targets,
        exclude_modules=rf".*\.({'|'.join(VISION_TOWERS)})\..*" if phase.freeze_vision else None,
        task_type="CAUSAL_LM",
    )


def save_merged(parent: Path, adapters: Path, folder: Path, dtype: torch.dtype) -> None:
    """Write the parent's weights with the trained adapters merged in: a checkpoint like any other.

    Args:
        parent: folder of the checkpoint that the phase started from.
        adapters: folder of the adapters that the trainer saved.
        dtype: of the written weights; merging is done in float32.
    """
    from peft import PeftModel

    model = AutoModelForImageTextToText.from_pretrained(parent, dtype=torch.float32)
    PeftModel.from_pretrained(model, adapters).merge_and_unload().to(dtype).save_pretrained(folder)

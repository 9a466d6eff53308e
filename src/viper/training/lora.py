"""Low-rank adapters through peft: which layers get them, and a checkpoint that has them merged in."""

from pathlib import Path
from typing import Any

import torch

from viper.config.training import Grpo, Sft
from viper.models.pretrained import load_model
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

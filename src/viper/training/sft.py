"""Supervised fine-tuning through TRL: the paper's comparison with reinforcement learning, and its cold start."""

from pathlib import Path
from typing import TYPE_CHECKING

from datasets import Dataset
from transformers import PreTrainedModel, ProcessorMixin, TrainerCallback
from trl import SFTConfig, SFTTrainer

from viper.config.training import TrainOptions
from viper.training.common import trainer_arguments

if TYPE_CHECKING:
    from peft import PeftConfig


def build_config(options: TrainOptions, *, seed: int, work: Path) -> SFTConfig:
    """The SFTConfig of a phase: cross-entropy on the completion's tokens only."""
    return SFTConfig(
        **trainer_arguments(options, seed=seed, work=work),
        train_sampling_strategy="sequential",  # `viper.training.data` has shuffled
        completion_only_loss=True,
        max_length=None,  # a cut could fall between an image's tokens
    )


def build_trainer(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    dataset: Dataset,
    config: SFTConfig,
    callbacks: list[TrainerCallback],
    *,
    peft_config: "PeftConfig | None" = None,
) -> SFTTrainer:
    """An SFTTrainer on rows of images, prompt and completion (chats), in the order of training."""
    return SFTTrainer(
        model=model,
        processing_class=processor,
        train_dataset=dataset,
        args=config,
        callbacks=callbacks,
        peft_config=peft_config,
    )

"""vLLM for the rollouts of TRL's GRPOTrainer, with prompts that are checked against the processor's.

TRL 1.16 hands vLLM the prompts as the processor made them, image placeholders expanded, and vLLM expands the first of
them again (huggingface/trl, issue 6294). Here the engine gets one placeholder an image, and what it says it worked on
is compared with the processor's tokens at every call: the first call is before the first update.
"""

import os
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, ProcessorMixin
from trl import GRPOTrainer

from viper.models.engine import check_prompts, one_placeholder_an_image
from viper.models.pretrained import image_token_id

_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")


class CheckedGeneration:
    """Stands in front of a trainer's `vllm_generation`; everything but `generate` is its own.

    Args:
        generation: TRL's VLLMGeneration, or anything with its `generate`.
        image_token: id of the image placeholder.
    """

    def __init__(self, generation: Any, image_token: int):
        self._generation, self._image_token = generation, image_token

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generation, name)

    def generate(self, prompts: list[list[int]], **arguments: Any) -> tuple:
        """As TRL's.

        Raises:
            ViperError: the engine worked on other prompts than `prompts`.
        """
        given = [one_placeholder_an_image(ids, self._image_token) for ids in prompts]
        worked_on, *rest = self._generation.generate(prompts=given, **arguments)
        check_prompts(prompts, worked_on, self._image_token)
        return prompts, *rest


def check_generation(trainer: GRPOTrainer) -> None:
    """Let no corrupted prompt through to `trainer`, which uses vLLM in its own process."""
    config = trainer.accelerator.unwrap_model(trainer.model).config
    trainer.vllm_generation = CheckedGeneration(trainer.vllm_generation, image_token_id(config))


def stage_for_engine(model: PreTrainedModel, processor: ProcessorMixin, checkpoint: Path, folder: Path) -> None:
    """Let the engine, which TRL starts from `model.name_or_path`, see pictures in the sizes that `processor` makes.

    `folder` gets links to the checkpoint's files and the processor's own configuration instead of the checkpoint's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        link = folder / path.name
        if path.name not in _PROCESSOR_FILES and not path.name.startswith(".") and not link.exists():
            link.symlink_to(os.path.relpath(path.resolve(), folder.resolve()))
    processor.image_processor.save_pretrained(folder)
    if getattr(processor, "video_processor", None) is not None:
        processor.video_processor.save_pretrained(folder)
    model.name_or_path = str(folder)

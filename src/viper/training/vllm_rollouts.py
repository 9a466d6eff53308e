"""vLLM for the rollouts of TRL's GRPOTrainer: prompts are checked against the processor's, corrections are logged.

TRL 1.16 hands vLLM the prompts as the processor made them, image placeholders expanded, and vLLM expands the first of
them again (huggingface/trl, issue 6294). Here the engine gets one placeholder an image, and what it says it worked on
is compared with the processor's tokens at every call: the first call is before the first update.
"""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, ProcessorMixin

from viper.config.training import Correction, Grpo, VllmRollouts
from viper.models.engine import NEVER, check_prompts, check_room, explained, one_placeholder_an_image
from viper.models.pretrained import image_token_id
from viper.training.image_counts import CountingGRPOTrainer
from viper.training.records import CORRECTION_NAMES

_SECTION = "training.phases.*.vllm"
_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")


def vllm_arguments(phase: Grpo, suppress_tokens: list[int]) -> dict[str, Any]:
    """Arguments of GRPOConfig for a phase whose engine is vLLM, in the processes that train.

    Args:
        suppress_tokens: never to be sampled.
    """
    correction = phase.vllm.correction
    bounds = {"clip_max": correction.cap, "clip_min": correction.floor, "mode": correction.mode}
    is_on = correction.mode != "none"
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_max_model_length": phase.vllm.max_length,
        "vllm_gpu_memory_utilization": phase.vllm.gpu_share,
        "vllm_enable_sleep_mode": phase.vllm.sleep,
        "vllm_importance_sampling_correction": is_on,
        **({f"vllm_importance_sampling_{name}": value for name, value in bounds.items()} if is_on else {}),
        "generation_kwargs": {"logit_bias": dict.fromkeys(suppress_tokens, NEVER)},
    }


class CheckedGeneration:
    """Stands in front of a trainer's `vllm_generation`; everything but `generate` is its own.

    Args:
        generation: TRL's VLLMGeneration, or anything with its `generate` and `max_completion_length`.
        image_token: id of the image placeholder.
        settings: what vLLM was started with.
    """

    def __init__(self, generation: Any, image_token: int, settings: VllmRollouts):
        self._generation, self._image_token, self._settings = generation, image_token, settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generation, name)

    def generate(self, prompts: list[list[int]], **arguments: Any) -> tuple:
        """As TRL's.

        Raises:
            ViperError: the engine worked on other prompts than `prompts`, or one leaves its response too little room.
        """
        check_room(_SECTION, self._settings, prompts, self._generation.max_completion_length)
        given = [one_placeholder_an_image(ids, self._image_token) for ids in prompts]
        with explained(_SECTION, self._settings):
            worked_on, *rest = self._generation.generate(prompts=given, **arguments)
        check_prompts(prompts, worked_on, self._image_token)
        return prompts, *rest


class VllmGRPOTrainer(CountingGRPOTrainer):
    """A GRPOTrainer whose responses are vLLM's: corrupted prompts are refused, what TRL's correction does is logged.

    TRL logs the weights (`sampling/…`) when responses are sampled; here the responses of every update are looked at.

    Args:
        settings: of the phase; the others are GRPOTrainer's.

    Raises:
        ViperError: vLLM does not start beside what is on the GPU.
    """

    def __init__(self, *arguments: Any, settings: VllmRollouts, **named: Any):
        self.settings = settings
        with explained(_SECTION, settings):
            super().__init__(*arguments, **named)
        config = self.accelerator.unwrap_model(self.model).config
        self.vllm_generation = CheckedGeneration(self.vllm_generation, image_token_id(config), settings)

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        if "importance_sampling_ratio" in inputs:
            effect = effect_of(self.settings.correction, inputs)
            *sums, tokens = self.accelerator.reduce(effect, reduction="sum").tolist()
            mode = "train" if self.model.training else "eval"
            for name, value in zip(CORRECTION_NAMES.values(), sums, strict=True):
                self._metrics[mode][name].append(value / max(tokens, 1.0))
        return super()._compute_loss(model, inputs)


def effect_of(correction: Correction, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """What a correction does to the tokens of the responses of a pass, summed over them, and their number.

    Args:
        inputs: of TRL's loss: importance_sampling_ratio, (rows, tokens), or (rows, 1) where a response has one weight;
            completion_mask, old_per_token_logps and sampling_per_token_logps, (rows, tokens).

    Returns:
        (4,): weights; tokens whose weight was set to a bound, or to zero; absolute differences of log-probability
        between sampling and training, without what vLLM gave none for; tokens.
    """
    mask = inputs["completion_mask"].bool()
    weights = inputs["importance_sampling_ratio"].expand(mask.shape)[mask]
    difference = (inputs["old_per_token_logps"] - inputs["sampling_per_token_logps"])[mask].abs()
    bounds = [0.0] if correction.mode.endswith("mask") else [correction.cap, correction.floor]
    # In the weights' own precision, in which TRL has set them to the bounds.
    ends = torch.tensor([bound for bound in bounds if bound is not None], dtype=weights.dtype, device=weights.device)
    is_cut = (weights[:, None] == ends).any(dim=1)
    columns = (weights, is_cut, difference.nan_to_num(0.0), torch.ones_like(weights))
    return torch.stack([column.float().sum() for column in columns])


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

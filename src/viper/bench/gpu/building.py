"""Models of any size with random weights, made on the device itself: nothing is loaded, and nothing downloaded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import torch  # isort: skip

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from transformers import PreTrainedModel, ProcessorMixin

WORDS = ("the", "red", "mug", "with", "white", "letters", "stands", "left", "of", "an", "open", "laptop")


def text(words: int) -> str:
    """So many words, each of which is a token of the processors made here."""
    return " ".join(WORDS[number % len(WORDS)] for number in range(words))


def picture(pixels: int, number: int = 0) -> np.ndarray:
    """A square picture of noise of about so many pixels, (side, side, 3), another one for each number."""
    side = int(pixels**0.5)
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def build_vlm(
    config: Mapping[str, Any], *, pixels: int, device: str, dtype: torch.dtype = torch.float32
) -> "tuple[PreTrainedModel, ProcessorMixin]":
    """A VLM of these sizes and a processor of its class that makes every picture about so many pixels large.

    The processor knows a few words only: the ids differ from the published ones, the size of the vocabulary does not.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText, Qwen2VLImageProcessor

    from microworld.base_models.vlm import build_processor

    vision = config["vision_config"]
    processor = build_processor([*WORDS, "system", "user", "assistant"])
    processor.image_processor = Qwen2VLImageProcessor(
        patch_size=vision["patch_size"],
        temporal_patch_size=vision["temporal_patch_size"],
        merge_size=vision["spatial_merge_size"],
        size={"shortest_edge": pixels, "longest_edge": pixels},
    )
    ids = processor.tokenizer.convert_tokens_to_ids
    special = {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }
    ends = {"bos_token_id": None, "eos_token_id": ids("<|im_end|>"), "pad_token_id": ids("<|endoftext|>")}
    described = {**config, **special, "text_config": {**config["text_config"], **ends}}
    made = AutoConfig.for_model(described.pop("model_type"), **described)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(made, dtype=dtype)
    model.generation_config.eos_token_id = ends["eos_token_id"]
    model.generation_config.pad_token_id = ends["pad_token_id"]
    return model, processor


def build_pipelines(
    painter: Mapping[str, Any], editor: Mapping[str, Any], *, device: str, dtype: torch.dtype
) -> "tuple[DiffusionPipeline, DiffusionPipeline]":
    """A painter and an editor that share all parts, which are as large in both."""
    import diffusers
    from transformers import Qwen2VLProcessor

    encoder, processor = build_vlm(painter["text_encoder"], pixels=_SEEN_BY_EDITOR, device=device, dtype=dtype)
    parts = {
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
        "text_encoder": encoder.eval(),
        "tokenizer": processor.tokenizer,
        **{name: _part(painter[name], device, dtype) for name in ("vae", "transformer")},
    }
    seen = Qwen2VLProcessor(
        image_processor=processor.image_processor,
        tokenizer=processor.tokenizer,
        video_processor=processor.video_processor,
        chat_template=processor.chat_template,
    )
    made = (
        getattr(diffusers, painter["pipeline"])(**parts),
        getattr(diffusers, editor["pipeline"])(**parts, processor=seen),
    )
    for pipeline in made:
        pipeline.set_progress_bar_config(disable=True)
    return made


_SEEN_BY_EDITOR = 256 * 28 * 28  # the original as the editor's text encoder sees it; its denoiser sees a megapixel


def _part(config: Mapping[str, Any], device: str, dtype: torch.dtype) -> torch.nn.Module:
    import diffusers

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return getattr(diffusers, config["_class_name"]).from_config(dict(config)).to(device, dtype).eval()
    finally:
        torch.set_default_dtype(before)


def build_embedder(config: Mapping[str, Any], *, device: str, dtype: torch.dtype) -> "PreTrainedModel":
    """The text model below a sentence embedder."""
    from transformers import AutoConfig, AutoModel

    described = dict(config)
    made = AutoConfig.for_model(described.pop("model_type"), **described)
    with torch.device(device):
        return AutoModel.from_config(made, dtype=dtype).eval()

"""A VLM's weights and processor from its folder, and the ids of the tokens that stand for pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from viper.errors import ViperError
from viper.models.folder import check_model_folder, check_vlm_folder, explained_loading
from viper.models.lens import put_before

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, ProcessorMixin

    from viper.config.models import Attention, Lens

# Parts that make tokens of pictures, as families call them: the vision tower, and what projects its features where that
# is no part of it (Qwen's has it inside).
VISION_TOWERS = ("visual", "vision_tower", "vision_model")
PROJECTORS = ("multi_modal_projector",)
EYES = (*VISION_TOWERS, *PROJECTORS)
_VISION_IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "image_token_index")


def vision_token_ids(config: "PretrainedConfig") -> list[int]:
    """Ids of the tokens that stand for pictures; a model that generates one of them breaks its own next turn.

    To be passed to `generate` (and to TRL's `generation_kwargs`) as `suppress_tokens`.
    """
    ids = {getattr(config, name, None) for name in _VISION_IDS}
    return sorted(index for index in ids if index is not None)


def image_token_id(config: "PretrainedConfig") -> int:
    """Id of the token that stands for (a part of) a picture, which some families call an index."""
    return config.image_token_id if hasattr(config, "image_token_id") else config.image_token_index


def load_model(
    path: str | Path, dtype: "torch.dtype", attention: "Attention" = "auto", **options: Any
) -> "PreTrainedModel":
    """The weights at `path` as an image-text-to-text model of transformers.

    Args:
        attention: its implementation of attention, in the vision tower too.
        options: more of `from_pretrained`.

    Raises:
        ViperError: there is no such model, it is not an image-text-to-text model, or it lacks some of its weights,
            which transformers would draw at random; or flash-attn is asked for and is not there.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

    from transformers import AutoModelForImageTextToText  # isort: skip
    from transformers.utils import is_flash_attn_2_available

    check_model_folder(path)
    if attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise ViperError(
            "attention is flash_attention_2, and the package flash-attn is not installed, or there is no GPU: install "
            "it (docs/paper-scale.md, Environments), or set attention: sdpa"
        )
    if attention != "auto":
        options["attn_implementation"] = attention
    with explained_loading(path, "a vision-language model"):
        model, report = AutoModelForImageTextToText.from_pretrained(
            str(path),
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    if missing := sorted(report["missing_keys"]):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ViperError(f"{path}: lacks the weights {', '.join(missing[:3])}{more}: make or fetch the model again")
    return model


def load_processor(path: str | Path, lens: "Lens | None" = None, **options: Any) -> "ProcessorMixin":
    """The processor at `path`: tokenizer, image processor and chat template.

    Args:
        lens: what it sees every picture through; it is not saved with it.
        options: more of `from_pretrained`.

    Raises:
        ViperError: it lacks a part, or is damaged.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

    from transformers import AutoProcessor  # isort: skip

    check_vlm_folder(path)
    with explained_loading(path, "the processor of a vision-language model"):
        processor = AutoProcessor.from_pretrained(str(path), trust_remote_code=False, **options)
    if lens:
        put_before(processor.image_processor, lens)
    return processor

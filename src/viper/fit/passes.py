"""What one pass of one model takes: an update, reading prompts, painting, embedding; each run weightless."""

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest import mock

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import torch  # isort: skip

from viper.config.models import EditorSection, PipelineSection
from viper.config.training import Lora
from viper.fit.descriptions import Description, NotForecastError
from viper.fit.weightless import weightless

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_RESERVED_IDS = 8  # a token of text is none of the special ones, of which a configuration names fewer


@dataclass(frozen=True)
class Batch:
    """What one pass works on; all rows are alike, as padded ones are.

    Attributes:
        rows: prompts.
        text: tokens of each, besides its pictures.
        pictures: of each.
        pixels: of each picture.
        completion: tokens behind each prompt.
    """

    rows: int
    text: int
    pictures: int
    pixels: int
    completion: int = 0


@dataclass(frozen=True)
class Update:
    """What an update takes.

    Attributes:
        parameters: of the model, adapters included.
        trained: of these, those that are trained.
        block: of its largest block, which FSDP gathers as one.
        ends: of embedding and head, which FSDP gathers apart from the blocks.
        activations: most bytes that a forward and backward pass holds besides weights and gradients.
    """

    parameters: int
    trained: int
    block: int
    ends: int
    activations: int


def grid(config: dict[str, Any], pixels: int) -> tuple[int, int]:
    """Height and width in patches of the picture of at most so many pixels that has most tokens.

    Raises:
        NotForecastError: pictures of this family are no grids of patches.
    """
    tokens = max(1, pixels // pixels_of(config, 1))
    root = math.isqrt(tokens)
    height = max(range(root, root // 2, -1), key=lambda side: side * (tokens // side))
    scale = _vision(config)["spatial_merge_size"]
    return height * scale, tokens // height * scale


def pixels_of(config: dict[str, Any], tokens: int) -> int:
    """Pixels of a picture of so many tokens.

    Raises:
        NotForecastError: see `grid`.
    """
    return tokens * (_patch(config) * _vision(config)["spatial_merge_size"]) ** 2


def picture_tokens(config: dict[str, Any], pixels: int) -> int:
    """Tokens of a picture of so many pixels."""
    height, width = grid(config, pixels)
    return height * width // _vision(config)["spatial_merge_size"] ** 2


def picture_bytes(config: dict[str, Any], pixels: int) -> int:
    """Bytes of a picture as the processor makes it, float32."""
    height, width = grid(config, pixels)
    return 4 * height * width * _patch_values(config)


def _vision(config: dict[str, Any]) -> dict[str, Any]:
    vision = config.get("vision_config") or {}
    if "spatial_merge_size" not in vision or "patch_size" not in vision:
        raise NotForecastError(
            f"models of type {config.get('model_type')!r} are not forecast: only those are whose pictures are grids of "
            "patches, as Qwen2.5-VL's and Qwen3-VL's"
        )
    return vision


def _patch(config: dict[str, Any]) -> int:
    return _vision(config)["patch_size"]


def _patch_values(config: dict[str, Any]) -> int:
    """Numbers of one patch: two frames of three colors."""
    vision = _vision(config)
    return vision.get("in_channels", 3) * vision.get("temporal_patch_size", 2) * _patch(config) ** 2


def parameters_of(config: dict[str, Any]) -> int:
    """Parameters of a model of transformers."""
    return _parameters_of(json.dumps(config, sort_keys=True))


@cache
def _parameters_of(key: str) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in _model(json.loads(key), torch.float32).parameters())


def cache_bytes(config: dict[str, Any]) -> int:
    """Bytes of the keys and values of one token, bfloat16, in all layers."""
    text = _config(config).get_text_config()
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * 2 * text.num_hidden_layers * text.num_key_value_heads * size


def most_positions(config: dict[str, Any]) -> int:
    """Tokens of the longest sequence that a model takes."""
    return _config(config).get_text_config().max_position_embeddings


def vocabulary(config: dict[str, Any]) -> int:
    """Tokens that the head tells apart."""
    return _config(config).get_text_config().vocab_size


def update(
    description: Description,
    batch: Batch,
    *,
    sharded: bool,
    precision: str = "bfloat16",
    checkpointing: bool = False,
    lora: Lora | None = None,
    freeze_vision: bool = False,
    on_gpu: bool = True,
) -> Update:
    """What an update takes that goes on from another pass's gradients.

    Args:
        sharded: FSDP, whose passes see weights in `precision`; otherwise they are float32, and cast as they are used.
        on_gpu: TRL's head runs in kernels there, which need no room; on a CPU it does.

    Raises:
        NotForecastError: see `grid`.
    """
    key = json.dumps(description.config, sort_keys=True)
    adapters = lora.model_dump_json() if lora else ""
    return _update(key, batch, sharded, precision, checkpointing, adapters, freeze_vision, on_gpu)


@cache
def _update(
    key: str,
    batch: Batch,
    sharded: bool,
    precision: str,
    checkpointing: bool,
    adapters: str,
    freeze_vision: bool,
    on_gpu: bool,
) -> Update:
    from trl.trainer.utils import add_fused_lm_head

    from viper.training.common import freeze_vision_tower

    config, dtype = json.loads(key), getattr(torch, precision)
    with weightless(dtype if sharded else torch.float32) as memory, _head(on_gpu):
        model = _model(config, torch.get_default_dtype(), batch)
        block, ends = _blocks(model)
        if freeze_vision:
            freeze_vision_tower(model)
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
        model.train()
        if adapters:
            model = _with_adapters(model, Lora.model_validate_json(adapters), freeze_vision, checkpointing)
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        weights = list(model.parameters())
        inputs = _inputs(config, batch)
        labels = inputs["input_ids"].clone()
        labels[:, : -batch.completion] = -100
        mixed = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
        for _ in range(2):
            before = memory.restart()
            with mixed:
                loss = model(**inputs, labels=labels, fused_lm_head=True).log_probs.sum()
            loss.backward()
            del loss
        return Update(
            parameters=sum(weight.numel() for weight in weights),
            trained=sum(weight.numel() for weight in weights if weight.requires_grad),
            block=block,
            ends=ends,
            activations=memory.peak - before,
        )


def _with_adapters(model: "PreTrainedModel", lora: Lora, freeze_vision: bool, checkpointing: bool) -> Any:
    from peft import get_peft_model

    from viper.training.lora import adapters

    # Adapters are made where they belong; tensors without numbers cannot be moved.
    with mock.patch.object(torch.nn.Module, "to", lambda module, *_, **__: module):
        model = get_peft_model(model, adapters(lora, freeze_vision=freeze_vision))
    if checkpointing:
        model.enable_input_require_grads()
    return model


def _blocks(model: "PreTrainedModel") -> tuple[int, int]:
    """Parameters of the largest block that FSDP wraps, and of embedding and head together."""
    names = set(model._no_split_modules or ())
    blocks = [module for module in model.modules() if type(module).__name__ in names]
    ends = {id(module.weight): module.weight.numel() for module in _ends(model)}
    return max((sum(weight.numel() for weight in module.parameters()) for module in blocks), default=0), sum(
        ends.values()
    )


def _ends(model: "PreTrainedModel") -> list[torch.nn.Module]:
    return [each for each in (model.get_input_embeddings(), model.get_output_embeddings()) if each is not None]


@contextmanager
def _head(on_gpu: bool) -> Iterator[None]:
    """TRL's head as on a GPU: it scores completions alone, in kernels that work in place (trl.kernels)."""
    if not on_gpu:
        yield
        return

    def in_place(*_: Any, **__: Any) -> None:
        pass

    with ExitStack() as patches:
        patches.enter_context(mock.patch("trl.trainer.utils._use_triton", return_value=True))
        for name in ("_forward_tile", "_backward_tile", "_addmm_fp32"):
            patches.enter_context(mock.patch(f"trl.kernels.chunked_logprob.{name}", in_place))
        yield


def reading(description: Description, batch: Batch, precision: str = "bfloat16", *, has_masters: bool = False) -> float:
    """Most bytes besides the weights that reading prompts takes, their keys and values included.

    Two rows are run, each further one takes as much as the second: what the first takes more has nothing to do with
    rows, such as weights that are cast.

    Args:
        has_masters: weights are float32, and cast to `precision` as they are used.

    Raises:
        NotForecastError: see `grid`.
    """
    key = json.dumps(description.config, sort_keys=True)
    one = _reading(key, replace(batch, rows=1), precision, has_masters)
    if batch.rows == 1:
        return one
    return one + (batch.rows - 1) * (_reading(key, replace(batch, rows=2), precision, has_masters) - one)


@cache
def _reading(key: str, batch: Batch, precision: str, has_masters: bool) -> int:
    config, dtype = json.loads(key), getattr(torch, precision)
    with weightless(torch.float32 if has_masters else dtype) as memory, torch.no_grad():
        model = _model(config, torch.get_default_dtype(), batch).eval()
        inputs = _inputs(config, batch)
        before = memory.restart()
        with torch.autocast("cpu", dtype, enabled=has_masters and dtype != torch.float32):
            model(**inputs, use_cache=True, logits_to_keep=1)
        return memory.peak - before


@cache
def _embedding(key: str, sentences: int, tokens: int) -> tuple[int, int]:
    from transformers import AutoModel

    with weightless() as memory, torch.inference_mode():
        model = AutoModel.from_config(_config(json.loads(key))).eval()
        weights = sum(weight.nbytes for weight in model.parameters())
        ids = torch.full((sentences, tokens), _RESERVED_IDS)
        before = memory.restart()
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
        return weights, memory.peak - before


def embedding(description: Description, sentences: int, tokens: int) -> tuple[int, int]:
    """Bytes of an embedder's weights, float32, and the most besides while a batch of sentences is embedded."""
    return _embedding(json.dumps(description.config, sort_keys=True), sentences, tokens)


@dataclass(frozen=True)
class Painting:
    """What a pipeline takes: bytes of its weights, and the most that a call holds besides."""

    weights: int
    activations: int


def painting(description: Description, section: PipelineSection, tokens: int) -> Painting:
    """What one call of a diffusers pipeline takes, with a full batch and one denoising step: the others are alike.

    Args:
        tokens: of a prompt, as the text encoder hands them over.

    Raises:
        NotForecastError: pipelines of this class are not forecast.
    """
    if description.pipeline not in _PIPELINES:
        raise NotForecastError(
            f"{description.name}: pipelines of class {description.pipeline} are not forecast; known are "
            f"{', '.join(_PIPELINES)}"
        )
    key = json.dumps({"pipeline": description.pipeline, "parts": description.parts}, sort_keys=True)
    dtype = "bfloat16" if section.dtype == "auto" else section.dtype
    arguments = {name: section.arguments[name] for name in _SHAPING if name in section.arguments}
    return _painting(key, section.batch_size, dtype, tokens, json.dumps(arguments), isinstance(section, EditorSection))


_PIPELINES = ("QwenImagePipeline", "QwenImageEditPipeline")
_SHAPING = ("height", "width", "true_cfg_scale", "max_sequence_length")
_EDITED = (1024, 1024)  # Qwen-Image-Edit brings every picture to about so many pixels


@cache
def _painting(key: str, pictures: int, precision: str, tokens: int, arguments: str, edits: bool) -> Painting:
    import diffusers
    from PIL import Image

    described, dtype = json.loads(key), getattr(torch, precision)
    parts = described["parts"]
    with weightless(dtype) as memory, torch.inference_mode():
        encoder = _model(parts["text_encoder"], dtype)
        vae, transformer = (_part(parts[name]) for name in ("vae", "transformer"))
        weights = sum(weight.nbytes for part in (encoder, vae, transformer) for weight in part.parameters())
        pipeline = getattr(diffusers, described["pipeline"])(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=vae, transformer=transformer,
            text_encoder=None, tokenizer=None, **({"processor": None} if edits else {}),
        )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        words = torch.empty(pictures, tokens, transformer.config.joint_attention_dim, dtype=dtype)
        mask = torch.ones(pictures, tokens, dtype=torch.int64)
        prompts = {"prompt_embeds": words, "prompt_embeds_mask": mask}
        given = {"image": [Image.new("RGB", _EDITED)] * pictures if pictures > 1 else Image.new("RGB", _EDITED)}
        before = memory.restart()
        pipeline(
            **prompts, **{f"negative_{name}": value for name, value in prompts.items()}, **json.loads(arguments),
            **(given if edits else {}), num_inference_steps=1, output_type="pt",
        )  # fmt: skip
        return Painting(weights, memory.peak - before)


def _part(config: dict[str, Any]) -> torch.nn.Module:
    import diffusers

    return getattr(diffusers, config["_class_name"]).from_config(config).eval()


def _config(config: dict[str, Any]) -> "PretrainedConfig":
    from transformers import AutoConfig

    rest = {name: value for name, value in config.items() if name != "model_type"}
    return AutoConfig.for_model(config["model_type"], **rest)


def _model(config: dict[str, Any], dtype: torch.dtype, batch: Batch | None = None) -> "PreTrainedModel":
    """The model of a configuration; where it looks at pictures window by window, with one window a picture.

    How many there are changes nothing that is kept, and each takes time here.
    """
    from transformers import AutoModelForImageTextToText

    made = _config(config)
    if batch is not None and batch.pictures and hasattr(made.vision_config, "window_size"):
        side = max(grid(config, batch.pixels)) // _vision(config)["spatial_merge_size"]
        merged = _patch(config) * _vision(config)["spatial_merge_size"]
        made.vision_config.window_size = merged * side
    return AutoModelForImageTextToText.from_config(made, dtype=dtype)


def _inputs(config: dict[str, Any], batch: Batch) -> dict[str, torch.Tensor]:
    """What a model is called with: text, then each picture between its marks, then the completion."""
    special = {value for name, value in config.items() if name.endswith("_token_id") and isinstance(value, int)}
    word = next(number for number in range(len(special) + 1) if number not in special)
    image = config["image_token_id"]
    start, end = (config.get(f"vision_{name}_token_id", word) for name in ("start", "end"))
    row = [word] * batch.text
    sizes: dict[str, torch.Tensor] = {}
    if batch.pictures:
        height, width = grid(config, batch.pixels)
        row += [start, *[image] * picture_tokens(config, batch.pixels), end] * batch.pictures
        count = batch.rows * batch.pictures
        sizes = {
            "pixel_values": torch.empty(count * height * width, _patch_values(config), dtype=torch.float32),
            "image_grid_thw": torch.tensor([[1, height, width]] * count),
        }
    ids = torch.tensor([row + [word] * batch.completion] * batch.rows)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == image).int(),
        **sizes,
    }

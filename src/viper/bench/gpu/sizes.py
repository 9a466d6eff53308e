"""What is measured: the models of a scale at their true size, in the shapes of its run; or a few numbers of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from viper.config.loading import load
from viper.config.schema import Scale
from viper.config.training import Lora, TrainOptions
from viper.fit.descriptions import published

SCALE = "3b"
SMALL, LARGE = "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"
PAINTER, EDITOR, EMBEDDER = "Qwen/Qwen-Image", "Qwen/Qwen-Image-Edit", "BAAI/bge-m3"


@dataclass(frozen=True)
class Sizes:
    """Models and shapes.

    Attributes:
        models: name on the hub → its sizes, as src/viper/fit/published.yaml has them.
        scale: the parameters whose run is measured.
        prompts: of which one device samples the responses of a step.
        pixels: of a prompt's picture.
        words: of a prompt besides.
        response: tokens of every response; random weights do not end one.
        sampled: tokens of a response where sampling itself is not what is measured.
        lora: the adapters of the rows that have them.
        side: of a painted picture, in pixels.
        steps: of denoising: few, without guidance, as adapters for few steps are used; many, as the scale has it.
        batches: pictures a call.
        backend: of torch.compile.
        caption: words of a painter's prompt.
        sentences, sentence_tokens: what is embedded at once.
        matrix: side of the matrices whose product is timed.
    """

    models: Mapping[str, Any]
    scale: Scale
    prompts: int
    pixels: int
    words: int
    response: int
    sampled: int
    lora: Lora
    side: int
    steps: tuple[int, int]
    batches: tuple[int, ...]
    backend: str
    caption: int
    sentences: int
    sentence_tokens: int
    matrix: int

    def options(self, device: str, *, prompts: int, **changes: Any) -> TrainOptions:
        """The options of training the scale's phase csr on one device, which samples responses to so many prompts.

        Args:
            changes: of the phase, and `gradient_checkpointing` of the machine.
        """
        phase, machine = self.scale.training.phases["csr"], self.scale.training.machine
        checkpointing = changes.pop("gradient_checkpointing", machine.gradient_checkpointing)
        rows = prompts * phase.rollouts
        changed = phase.model_dump() | {
            "steps": 2,
            "updates": "again",  # of several on a sampling the last is measured
            "updates_per_rollout": 2,
            "prompts_per_step": prompts,
            "responses_per_pass": next(n for n in range(phase.responses_per_pass, 0, -1) if rows % n == 0),
            "max_completion_length": self.response,
            "engine": "transformers",
            "shared_prefix": False,
            **changes,
        }
        alone = machine.model_dump() | {
            "device": device,
            "devices": 1,
            "accelerate_config": None,
            "gradient_checkpointing": checkpointing,
            "precision": "bfloat16" if device == "cuda" else "float32",
        }
        return TrainOptions.model_validate({"phase": changed, "machine": alone, "records": {}})


def true_sizes() -> Sizes:
    """The paper's.

    A prompt has 1,600 tokens, a response 300: what src/viper/cost/rates.yaml counts with.
    """
    scale = load(SCALE)
    training, painter = scale.training, scale.models.painter
    return Sizes(
        models=published(),
        scale=scale,
        prompts=training.phases["csr"].prompts_per_step // training.machine.devices,
        pixels=scale.models.vlm.processor["max_pixels"],
        words=320,
        response=300,
        sampled=64,
        lora=Lora(),
        side=painter.sizes[0][1],
        steps=(8, painter.arguments["num_inference_steps"]),
        batches=(1, 2, 4),
        backend="inductor",
        caption=300,
        sentences=scale.reward.embedder.batch_size,
        sentence_tokens=32,
        matrix=8192,
    )


def tiny_sizes() -> Sizes:
    """The same classes and the same code, for a test on a CPU: its numbers mean nothing."""
    return Sizes(
        models={name: _shrunk(entry) for name, entry in published().items()},
        scale=load(SCALE),
        prompts=2,
        pixels=56 * 56,
        words=12,
        response=6,
        sampled=4,
        lora=Lora(rank=2, alpha=4),
        side=64,
        steps=(2, 3),
        batches=(1,),
        backend="eager",  # traced, but not made into kernels
        caption=80,
        sentences=4,
        sentence_tokens=8,
        matrix=64,
    )


_WIDTHS = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}
_TINY: dict[str, dict[str, Any]] = {
    "config": {**_WIDTHS, "vocab_size": 1000},
    "text_config": {
        **_WIDTHS,
        "num_key_value_heads": 1,
        "vocab_size": 1000,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
    },
    "vision_config": {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
    },
    "transformer": {
        "in_channels": 16,
        "out_channels": 4,
        "num_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "axes_dims_rope": [8, 4, 4],
    },
    "vae": {
        "base_dim": 4,
        "z_dim": 4,
        "dim_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "latents_mean": [0.0] * 4,
        "latents_std": [1.0] * 4,
    },
}


def _shrunk(entry: Any, kind: str = "") -> Any:
    """A copy of what is published of a model, each section with the few numbers that `_TINY` has for it."""
    if not isinstance(entry, Mapping):
        return entry
    copy = {name: _shrunk(value, name) for name, value in entry.items()}
    few = {} if "text_config" in entry else _TINY.get(kind, {})
    return copy | few

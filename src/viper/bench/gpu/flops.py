"""How many floating-point operations a pass of a VLM is made of, and what share of the device's best that reaches.

Model FLOPs utilisation (MFU) as in PaLM (Chowdhery et al. 2022, arXiv 2204.02311, appendix B): the operations that the
model itself asks for, over the seconds times the peak rate of the device's data sheet.

- A weight of a matrix costs 2 operations for each token that meets it, attention 4 × layers × width × length for each
  token of a sequence of that length, masked places included, as there. Norms, activations and softmax are not counted.
- The head is counted for the tokens of responses alone, the vision tower for the patches, with its windows.
- A backward pass costs twice the forward pass; with adapters alone once, since frozen weights need no gradients. What
  gradient checkpointing computes a second time is not counted: it is no part of the model.

So the number is comparable with those that trainers publish.
"""

from dataclasses import dataclass
from typing import Any

import torch

# Dense bfloat16 operations a second, from NVIDIA's data sheets (without sparsity), by what the driver calls the device;
# the longest name that is part of it counts.
PEAKS = {
    "B200": 2.25e15,
    "H200": 9.89e14,
    "H100": 9.89e14,
    "H100 NVL": 8.35e14,
    "H100 PCIe": 7.56e14,
    "GH200": 9.89e14,
    "A100": 3.12e14,
    "L40S": 3.62e14,
    "L4": 1.21e14,
    "RTX 4090": 1.65e14,
}


def peak(device_name: str) -> float | None:
    """Operations a second by the data sheet; None for a device that is not in `PEAKS`."""
    known = [name for name in PEAKS if name in device_name]
    return PEAKS[max(known, key=len)] if known else None


@dataclass(frozen=True)
class Load:
    """What one pass works on.

    Attributes:
        prompts: that are read; with a shared prefix fewer than responses.
        responses: that are scored.
        prompt, response: tokens of each.
        patches: of a prompt's pictures, before they are merged.
    """

    prompts: int
    responses: int
    prompt: int
    response: int
    patches: int

    @property
    def tokens(self) -> int:
        """Tokens of all responses with their prompts: the same, however the work is done."""
        return self.responses * (self.prompt + self.response)

    @property
    def shared(self) -> bool:
        """Whether a prompt is read once for several responses."""
        return self.prompts < self.responses


def forward_flops(model: torch.nn.Module, load: Load) -> float:
    """Operations of a forward pass of a model whose pictures are patches seen in windows (Qwen2.5-VL's)."""
    config = model.config
    text, vision = config.get_text_config(), config.vision_config
    read, scored = load.prompts * load.prompt, load.responses * load.response
    patches = load.prompts * load.patches
    tokens_of = {"head": scored, "merger": patches // vision.spatial_merge_size**2, "vision": patches}
    total = 0.0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv3d):
            total += 2 * module.weight.numel() * tokens_of.get(_where(name), read + scored)
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    length = load.prompt + load.response
    pairs = load.prompts * load.prompt**2 + scored * length if load.shared else load.responses * length**2
    total += 4 * text.num_hidden_layers * text.num_attention_heads * head * pairs
    window = (vision.window_size // vision.patch_size) ** 2
    whole = len(vision.fullatt_block_indexes)
    seen = whole * load.patches + (vision.depth - whole) * min(window, load.patches)
    return total + 4 * vision.hidden_size * patches * seen


def _where(name: str) -> str:
    if "visual" in name:
        return "merger" if "merger" in name else "vision"
    return "head" if "lm_head" in name else "text"


def update_flops(model: torch.nn.Module, load: Load, *, adapters: bool) -> float:
    """Operations of a forward and backward pass."""
    return forward_flops(model, load) * (2 if adapters else 3)


def patches_of(fields: dict[str, Any], rows: int) -> int:
    """Patches of the pictures of one of so many rows of a batch as TRL makes it."""
    return int(fields["image_grid_thw"].prod(dim=-1).sum()) // rows

"""Teaching the micro VLM's eyes first: a linear head reads what a cell shows, and which cell it is, off its token.

From scratch and end to end a VLM this small does not take off; with a tower that has learned to see, language
follows at once. A token must also say where it stands: rotary positions are relative, and a language side that has to
find places out by itself learns to compare two pictures late. The heads are thrown away afterwards.
"""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from microworld import draw
from microworld.scene import COLORS, KINDS, SHADES, SIZES, TEXTURES, Scene, scene_stream
from viper.models.pretrained import EYES

IGNORED = -100  # by cross_entropy: what is not asked, such as the color of an empty cell
_WIDTHS = {"kind": len(KINDS) + 1, "color": len(COLORS), "size": len(SIZES)}


def scene_targets(scenes: list[Scene]) -> dict[str, torch.Tensor]:
    """What each scene shows, as class numbers.

    Returns:
        "kind", "color", "size": (n, 9) int64, one per cell; kind 0 is an empty cell, whose color and size are -100.
        "shade", "texture": (n,) int64.
    """
    targets = {name: np.full((len(scenes), 9), 0 if name == "kind" else IGNORED) for name in _WIDTHS}
    for row, scene in enumerate(scenes):
        for thing in scene.objects:
            targets["kind"][row, thing.cell] = KINDS.index(thing.kind) + 1
            targets["color"][row, thing.cell] = COLORS.index(thing.color)
            targets["size"][row, thing.cell] = SIZES.index(thing.size)
    targets["shade"] = np.array([SHADES.index(scene.shade) for scene in scenes])
    targets["texture"] = np.array([TEXTURES.index(scene.texture) for scene in scenes])
    return {name: torch.from_numpy(values) for name, values in targets.items()}


class SceneHead(nn.Module):
    """Reads nine cells, (n, 9, width), → logits named as in `scene_targets`.

    One head serves all cells; the background is read from `field`, (n, width), or from the mean of the cells.
    """

    def __init__(self, width: int):
        super().__init__()
        self.cells = nn.ModuleDict({name: nn.Linear(width, classes) for name, classes in _WIDTHS.items()})
        self.background = nn.ModuleDict(
            {"shade": nn.Linear(width, len(SHADES)), "texture": nn.Linear(width, len(TEXTURES))}
        )

    def forward(self, cells: torch.Tensor, field: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        field = cells.mean(1) if field is None else field
        logits = {name: layer(cells) for name, layer in self.cells.items()}
        return logits | {name: layer(field) for name, layer in self.background.items()}


def scene_loss(logits: dict[str, torch.Tensor], targets: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the cross-entropies of all attributes."""
    return sum(
        nn.functional.cross_entropy(logits[name].flatten(0, -2), target.flatten()) for name, target in targets.items()
    )


def scene_accuracy(logits: dict[str, torch.Tensor], targets: dict[str, torch.Tensor]) -> dict[str, float]:
    """Share of right answers per attribute; "occupied" is the kind where there is an object."""
    right = {}
    for name, target in targets.items():
        hit, counted = logits[name].argmax(-1) == target, target != IGNORED
        right[name] = hit[counted].float().mean().item()
    occupied = targets["kind"] > 0
    right["occupied"] = (logits["kind"].argmax(-1) == targets["kind"])[occupied].float().mean().item()
    return right


def pixels(processor, images) -> dict[str, torch.Tensor]:
    """What the processor makes of a list of images, as the model's `get_image_features` wants it."""
    made = dict(processor.image_processor(images=images, return_tensors="pt"))
    return {name: made[name] for name in ("pixel_values", "image_grid_thw") if name in made}


def eyes(model) -> list[nn.Module]:
    """The parts that make tokens of pictures: the vision tower, and what projects its features where that is apart."""
    return [getattr(model.model, name) for name in EYES if hasattr(model.model, name)]


def see(model, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The tokens of pictures, (pictures, 9, width)."""
    seen = model.model.get_image_features(**inputs).pooler_output
    tokens = torch.cat(list(seen)) if isinstance(seen, list | tuple) else seen
    return tokens.reshape(-1, 9, tokens.shape[-1])


def pretrain_vision(model, processor, *, steps: int, batch_size: int, learning_rate: float, seed: int) -> dict:
    """Train `model`'s vision tower in place to read scenes; returns the accuracies over the last 20 steps.

    Args:
        steps: optimiser steps of `batch_size` fresh scenes each; the rate falls linearly to a tenth.
    """
    torch.manual_seed(seed)
    scenes = scene_stream(seed)
    width = model.config.text_config.hidden_size
    head, place = SceneHead(width), nn.Linear(width, 9)
    learned = [
        *(weight for part in eyes(model) for weight in part.parameters()),
        *head.parameters(),
        *place.parameters(),
    ]
    optimizer = torch.optim.AdamW(learned, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    cells = torch.arange(9).repeat(batch_size)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, steps)
    recent: list[dict] = []
    bar = tqdm(range(steps), desc="vision tower", mininterval=5)
    for _ in bar:
        batch = [next(scenes) for _ in range(batch_size)]
        inputs = pixels(processor, [draw.render(scene) for scene in batch])
        features = see(model, inputs)
        logits, places = head(features), place(features).flatten(0, 1)
        targets = scene_targets(batch)
        loss = scene_loss(logits, targets) + nn.functional.cross_entropy(places, cells)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
        found = (places.argmax(-1) == cells).float().mean().item()
        recent = [*recent[-19:], scene_accuracy(logits, targets) | {"place": found}]
        bar.set_postfix(loss=f"{loss.item():.3f}", **{name: f"{value:.2f}" for name, value in recent[-1].items()})
    return {name: float(np.mean([row[name] for row in recent])) for name in recent[-1]} if recent else {}

"""An independent reader of micro-world pictures, to audit painter and editor: it shares nothing with the VLM.

Nine small crops, one per cell, go through one multilayer perceptron; the background through another. Trained on true
pictures, slightly blurred and noisy, so that a painter's soft edges do not count as mistakes. Never part of the loop.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from microworld.base_models.vae import to_pixels
from microworld.base_models.vision import scene_accuracy, scene_loss, scene_targets
from microworld.draw import CELL_CENTERS, IMAGE_SIZE
from microworld.scene import COLORS, KINDS, SHADES, SIZES, TEXTURES, Object, Scene, make_scene, scene_stream
from viper.errors import ViperError
from viper.models.folder import check_model_folder, explained_loading

_HALF_CROP = 8  # pixels: a large object with its jitter fits
_WEIGHTS = "model.safetensors"


class Checker(nn.Module):
    """Pictures (n, 3, 64, 64) in -1..1 → logits per attribute, named as in `vision.scene_targets`."""

    def __init__(self):
        super().__init__()
        crop = 3 * (2 * _HALF_CROP) ** 2
        self.look = nn.Sequential(nn.Linear(crop, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
        self.kind, self.color, self.size = (nn.Linear(256, n) for n in (len(KINDS) + 1, len(COLORS), len(SIZES)))
        self.field = nn.Sequential(nn.Linear(IMAGE_SIZE**2, 64), nn.ReLU())
        self.shade, self.texture = nn.Linear(64, len(SHADES)), nn.Linear(64, len(TEXTURES))

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        crops = [
            pictures[:, :, row - _HALF_CROP : row + _HALF_CROP, col - _HALF_CROP : col + _HALF_CROP].flatten(1)
            for row in CELL_CENTERS
            for col in CELL_CENTERS
        ]
        seen, field = self.look(torch.stack(crops, 1)), self.field(pictures.mean(1).flatten(1))
        return {
            "kind": self.kind(seen),
            "color": self.color(seen),
            "size": self.size(seen),
            "shade": self.shade(field),
            "texture": self.texture(field),
        }

    @torch.no_grad()
    def read(self, images: list[Image.Image]) -> list[Scene]:
        """The scene that each 64x64 RGB image shows, with zero jitter.

        Raises:
            ViperError: an image of another size, which is not of this world.
        """
        for image in images:
            if image.size != (IMAGE_SIZE, IMAGE_SIZE):
                raise ViperError(
                    f"the checker reads {IMAGE_SIZE}x{IMAGE_SIZE} pictures of the micro world, got {image.size}: "
                    "audit only runs whose images.source is 'world'"
                )
        stack = np.stack([np.asarray(image.convert("RGB")) for image in images])
        pictures = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1
        best = {name: logits.argmax(-1).tolist() for name, logits in self(pictures).items()}
        return [
            make_scene(
                [
                    Object(KINDS[kind - 1], COLORS[best["color"][n][cell]], SIZES[best["size"][n][cell]], cell)
                    for cell, kind in enumerate(best["kind"][n])
                    if kind > 0
                ],
                SHADES[best["shade"][n]],
                TEXTURES[best["texture"][n]],
            )
            for n in range(len(images))
        ]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the weights into `folder`."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), Path(folder) / _WEIGHTS)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Checker":
        """The checker saved in `folder`.

        Raises:
            ViperError: there is none, or it is damaged or another model's.
        """
        path = Path(folder) / _WEIGHTS
        if not path.is_file():
            raise ViperError(f"no checker at {path}: fetch the base models or run the rule pretrain_checker")
        check_model_folder(folder)
        checker = cls()
        with explained_loading(folder, "the checker"):
            checker.load_state_dict(load_file(path))
        return checker.eval()


def _soften(rng: torch.Generator, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures with a little blur (on half of them) and noise."""
    blurred = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = (
        0.7
        * torch.rand(len(pictures), 1, 1, 1, generator=rng)
        * (torch.rand(len(pictures), 1, 1, 1, generator=rng) < 0.5)
    )
    noise = 0.08 * torch.randn(pictures.shape, generator=rng)
    return (1 - share) * pictures + share * blurred + noise


def pretrain_checker(*, steps: int, batch_size: int, learning_rate: float, seed: int) -> tuple[Checker, dict]:
    """Train a checker on fresh scenes; returns it with its accuracies over the last 20 steps."""
    torch.manual_seed(seed)
    checker, scenes, rng = Checker(), scene_stream(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(checker.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1)
    recent: list[dict] = []
    bar = tqdm(range(steps), desc="checker", mininterval=5)
    for _ in bar:
        batch = [next(scenes) for _ in range(batch_size)]
        logits, targets = checker(_soften(rng, to_pixels(batch))), scene_targets(batch)
        loss = scene_loss(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        recent = [*recent[-19:], scene_accuracy(logits, targets)]
        bar.set_postfix(loss=f"{loss.item():.3f}", occupied=f"{recent[-1]['occupied']:.3f}")
    return checker.eval(), {
        name: float(np.mean([row[name] for row in recent])) for name in recent[-1]
    } if recent else {}

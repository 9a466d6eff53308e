"""The latent space that painter and editor share: a linear autoencoder of 4x4 patches, 64x64x3 pixels ↔ 16x16x24.

Autoencoders that upsample by repeating pixels (AutoencoderKL, AutoencoderTiny) need far more training than two CPU
cores allow before a letter of 5x7 pixels survives them: after 20 thousand pictures all glyphs were blots. The principal
components of patches are exact where it matters, are found in a second, and are all that so small a picture needs.
The class follows diffusers' interface, so the standard pipelines load it as their component `vae`.
"""

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn
from torch.nn import functional

from microworld import draw
from microworld.scene import Scene, scene_stream

PATCH = 4  # pixels a side
LATENT_CHANNELS = 24  # of 48: leaves an error of 0.1 (of a range of 2) on the patches that objects' edges cross
LATENT_SIZE = draw.IMAGE_SIZE // PATCH
# Components are divided by a power of their standard deviation: 0 would leave fine detail under the noise until the
# last step, 1 would make noise in it as important as the layout.
_WHITENING = 0.6


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Orthogonal projection of non-overlapping patches, rescaled to latents of about unit size."""

    @register_to_config
    def __init__(
        self,
        patch_size: int = PATCH,
        latent_channels: int = LATENT_CHANNELS,
        block_out_channels: tuple[int, ...] = (1, 1, 1),  # pipelines halve the picture once less than its length
        scaling_factor: float = 1.0,
        force_upcast: bool = False,
    ):
        super().__init__()
        width = 3 * patch_size**2
        self.mean = nn.Parameter(torch.zeros(width), requires_grad=False)
        self.basis = nn.Parameter(torch.eye(width)[:, :latent_channels].clone(), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(latent_channels), requires_grad=False)

    def encode(self, x: torch.Tensor, return_dict: bool = True):
        """(n, 3, h, w) in -1..1 → latents (n, channels, h / patch, w / patch)."""
        patches = functional.pixel_unshuffle(x, self.config.patch_size).movedim(1, -1)
        latents = (((patches - self.mean) @ self.basis) / self.scale).movedim(-1, 1)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(self, z: torch.Tensor, return_dict: bool = True, generator=None):
        """Latents → (n, 3, h, w); `generator` is accepted as diffusers' autoencoders do, and not used."""
        patches = (z.movedim(1, -1) * self.scale) @ self.basis.T + self.mean
        sample = functional.pixel_shuffle(patches.movedim(-1, 1), self.config.patch_size)
        return DecoderOutput(sample=sample) if return_dict else (sample,)


def to_pixels(scenes: list[Scene]) -> torch.Tensor:
    """(n, 3, 64, 64) float32 in -1..1, as diffusers' image processors scale pictures."""
    stack = np.stack([draw.render_array(scene) for scene in scenes])
    return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode(vae: PatchAutoencoder, scenes: list[Scene], batch_size: int = 256) -> torch.Tensor:
    """Scaled latents of scenes: (n, 24, 16, 16) float32."""
    starts = range(0, len(scenes), batch_size)
    latents = [vae.encode(to_pixels(scenes[start : start + batch_size])).latents for start in starts]
    return torch.cat(latents) * vae.config.scaling_factor


@torch.no_grad()
def fit_vae(*, pictures: int, seed: int) -> tuple[PatchAutoencoder, dict]:
    """The autoencoder of the principal components of `pictures` fresh scenes, and how well it does.

    Returns:
        The autoencoder and {"l1": mean absolute error in -1..1 units, "latent_std": before scaling}.
    """
    scenes = scene_stream(seed, split="train")
    images = to_pixels([next(scenes) for _ in range(pictures)])
    patches = functional.pixel_unshuffle(images, PATCH).movedim(1, -1).flatten(0, -2).double()
    vae = PatchAutoencoder()
    mean = patches.mean(0)
    variances, basis = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    strongest = variances.argsort(descending=True)[:LATENT_CHANNELS]
    vae.mean.copy_(mean)
    vae.basis.copy_(basis[:, strongest])
    vae.scale.copy_(variances[strongest].sqrt() ** _WHITENING)
    latents = vae.encode(images).latents
    vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 4))
    error = functional.l1_loss(vae.decode(latents).sample, images).item()
    return vae, {"l1": error, "latent_std": latents.std().item()}

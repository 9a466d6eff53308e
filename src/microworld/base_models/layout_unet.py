"""The denoiser of the micro painter and editor: a UNet that is told what belongs where by channels, not by attention.

A small UNet that must find out by cross-attention which of ten text states speaks of which place spends nearly all of
its training on that. Here the state of each cell is laid over the pixels of its cell, as layout-to-image models do
(SPADE: Park et al. 2019; GLIGEN: Li et al. 2023), and convolutions, the same in every cell, learn to draw.
"""

import torch
from diffusers import ConfigMixin, ModelMixin, UNet2DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import nn
from torch.nn import functional

_GRID = 3  # cells per side


class LayoutUNet(ModelMixin, ConfigMixin):
    """A `UNet2DModel` with the calling convention of `UNet2DConditionModel`: the component `unet` of a pipeline.

    Args:
        sample_size: latent positions a side. in_channels: of the latents that the pipeline hands over; the editor's
            are the noisy ones followed by those of the picture to edit.
        layout_channels: channels in which the text state of each position's cell arrives.
        place_channels: learned channels, the same in every picture, that tell positions apart.
        time_cond_proj_dim: always None; the pipelines ask for it.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int,
        in_channels: int,
        out_channels: int,
        block_out_channels: tuple[int, ...],
        layers_per_block: int = 1,
        text_width: int = 128,
        layout_channels: int = 48,
        place_channels: int = 16,
        time_cond_proj_dim: int | None = None,
    ):
        super().__init__()
        self.layout = nn.Linear(text_width, layout_channels)
        self.background = nn.Linear(text_width, layout_channels)
        self.place = nn.Parameter(0.5 * torch.randn(1, place_channels, sample_size, sample_size))
        # What is not changed is copied: a way around the network, of which the painter's pictures need nothing.
        self.copied = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        nn.init.zeros_(self.copied.weight)
        self.denoiser = UNet2DModel(
            sample_size=sample_size,
            in_channels=in_channels + layout_channels + place_channels,
            out_channels=out_channels,
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            down_block_types=("DownBlock2D",) * len(block_out_channels),
            up_block_types=("UpBlock2D",) * len(block_out_channels),
            norm_num_groups=16,
            add_attention=False,
        )

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor | int,
        encoder_hidden_states: torch.Tensor,
        timestep_cond: None = None,
        cross_attention_kwargs: None = None,
        added_cond_kwargs: None = None,
        return_dict: bool = True,
    ):
        """Denoise latents (n, in_channels, h, w) by the states of nine cells and the background, (n, 10, width).

        The arguments that say None are part of the convention and not used.
        """
        cells = self.layout(encoder_hidden_states[:, :-1]).transpose(1, 2).unflatten(2, (_GRID, _GRID))
        # "nearest-exact" gives position i of 16 the cell of its own middle: no object of the world crosses a border.
        laid = functional.interpolate(cells, size=sample.shape[-2:], mode="nearest-exact")
        laid = laid + self.background(encoder_hidden_states[:, -1])[:, :, None, None]
        known = torch.cat([sample, laid, self.place.expand(len(sample), -1, -1, -1)], dim=1)
        drawn = self.denoiser(known, timestep).sample + self.copied(sample)
        return UNet2DConditionOutput(sample=drawn) if return_dict else (drawn,)

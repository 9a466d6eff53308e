"""The denoiser: each text state reaches its own cell, and the painter is the editor without a picture to edit."""

import torch
from torch.nn import functional

from microworld.base_models.diffusion import build_unet, painter_unet
from microworld.base_models.vae import LATENT_CHANNELS
from microworld.draw import CELL_CENTERS, RADIUS


def states(n=2):
    return torch.randn(n, 10, 128, generator=torch.Generator().manual_seed(0))


def latents(channels, n=2):
    return torch.randn(n, channels, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_painter_draws_what_the_editor_draws_without_a_picture():
    editor = build_unet((32, 32), seed=3)
    torch.nn.init.normal_(editor.copied.weight)
    painter, noisy = painter_unet(editor), latents(LATENT_CHANNELS)
    with torch.no_grad():
        alone = painter(noisy, 500, states()).sample
        (beside_nothing,) = editor(torch.cat([noisy, torch.zeros_like(noisy)], 1), 500, states(), return_dict=False)
    assert alone.shape == (2, LATENT_CHANNELS, 16, 16)
    assert torch.allclose(alone, beside_nothing, atol=1e-5)


def test_a_text_state_is_laid_over_its_own_cell():
    unet, given = build_unet((32, 32)), []
    unet.denoiser.conv_in.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    plain, changed = states(1), states(1)
    changed[0, 5] += 1  # middle right
    with torch.no_grad():
        for text in (plain, changed):
            unet(latents(2 * LATENT_CHANNELS, 1), 0, text)
    differs = (given[0] != given[1]).any(1)[0]
    rows, cols = differs.any(1).nonzero()[:, 0], differs.any(0).nonzero()[:, 0]
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (5, 10, 11, 15)


def test_no_object_crosses_the_border_between_two_laid_cells():
    laid = functional.interpolate(torch.arange(3.0).view(1, 1, 3), size=16, mode="nearest-exact").flatten().tolist()
    for cell, center in enumerate(CELL_CENTERS):
        reach = 1 + 1.15 * RADIUS["large"]  # jitter, and the tips of a star
        covered = range(int(center - reach) // 4, int(center + reach - 1e-9) // 4 + 1)
        assert {laid[position] for position in covered} == {cell}

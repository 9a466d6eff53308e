"""The micro painter and editor: genuine diffusers pipelines over one small latent space and one text encoder.

painter: StableDiffusionPipeline (text → image); editor: StableDiffusionInstructPix2PixPipeline (image + instruction →
image). One small denoiser (`LayoutUNet`) learns both tasks at once, over 24 channels of noisy latents and 24 of the
picture to edit, which are zero where there is none; the painter keeps the first 24 only. What it learns of places,
shapes and colors in one task serves the other, and one training has to be waited for instead of two.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
)
from diffusers.training_utils import EMAModel
from torch.nn import functional
from tqdm import tqdm

from microworld.base_models import text_encoder as text_side
from microworld.base_models.layout_unet import LayoutUNet
from microworld.base_models.vae import LATENT_CHANNELS, LATENT_SIZE, encode

_UNCONDITIONAL = 0.08  # share of examples whose text is dropped, for classifier-free guidance


def build_unet(channels: Sequence[int], *, in_channels: int = 2 * LATENT_CHANNELS, seed: int = 0) -> LayoutUNet:
    """A denoiser with random weights for 16x16 latents; `channels` per level, each half as wide as the one before."""
    torch.manual_seed(seed)
    return LayoutUNet(
        sample_size=LATENT_SIZE,
        in_channels=in_channels,
        out_channels=LATENT_CHANNELS,
        block_out_channels=tuple(channels),
        text_width=text_side.WIDTH,
    )


def build_scheduler() -> DDIMScheduler:
    """Cosine noise to zero signal, predicting the clean picture.

    Places are decided where noise is high, so it must be trained; predicted velocities left noise all over the picture.
    """
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=False,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def painter_unet(editor: LayoutUNet) -> LayoutUNet:
    """The editor's UNet without the input channels of the picture to edit: exactly what it does when they are zero."""
    painter = build_unet(editor.config.block_out_channels, in_channels=LATENT_CHANNELS)
    state = editor.state_dict()
    for name in ("denoiser.conv_in.weight", "copied.weight"):
        noisy, _, told = state[name].tensor_split((LATENT_CHANNELS, 2 * LATENT_CHANNELS), dim=1)
        state[name] = torch.cat([noisy, told], dim=1)
    painter.load_state_dict(state)
    return painter


def assemble(kind: str, vae, encoder, tokenizer, unet) -> StableDiffusionPipeline:
    """A pipeline ready for `save_pretrained`; `kind` is "painter" or "editor"."""
    pipeline = {"painter": StableDiffusionPipeline, "editor": StableDiffusionInstructPix2PixPipeline}[kind]
    return pipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


class Examples(NamedTuple):
    """What the UNet learns from.

    Attributes:
        clean: (n, 24, 16, 16) scaled latents of the picture to draw.
        ids: (n, 64) token ids of the caption or the instruction.
        source: (n, 24, 16, 16) unscaled latents of the picture to edit, as the pipeline hands it over; zero: none.
    """

    clean: torch.Tensor
    ids: torch.Tensor
    source: torch.Tensor


def draw_examples(vae, tokenizer, count: int, seed: int) -> Examples:
    """`count` captions with their pictures, then `count` instructions with the pictures before and after."""
    rng = np.random.default_rng(seed)
    captions, scenes = zip(*(text_side.random_caption(rng) for _ in range(count)), strict=True)
    orders, before, after, _ = zip(*(text_side.random_edit(rng) for _ in range(count)), strict=True)
    source = encode(vae, list(before)) / vae.config.scaling_factor
    return Examples(
        clean=encode(vae, [*scenes, *after]),
        ids=text_side.token_ids(tokenizer, [*captions, *orders]),
        source=torch.cat([torch.zeros_like(source), source]),
    )


def pretrain_unet(
    unet,
    encoder,
    tokenizer,
    examples: Examples,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> dict:
    """Train `unet` in place to denoise; at the end it holds the moving average of its weights.

    Args:
        examples: drawn from at random.

    Returns:
        {"loss": mean squared error of the clean latents over the last 100 steps}.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    latents, ids, source = examples
    scheduler = build_scheduler()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(2, steps + 1), pct_start=0.05, final_div_factor=10
    )
    average = EMAModel(unet.parameters(), decay=0.998, use_ema_warmup=True, power=0.75)
    with torch.no_grad():
        empty = encoder(text_side.token_ids(tokenizer, [""]))[0]
    losses: list[float] = []
    bar = tqdm(range(steps), desc="denoiser", mininterval=5)
    for _ in bar:
        chosen = torch.from_numpy(rng.integers(0, len(latents), batch_size))
        clean, noise = latents[chosen], torch.randn(batch_size, *latents.shape[1:])
        # Places are decided where noise is high: times are drawn with a density that grows towards it.
        times = torch.from_numpy((scheduler.config.num_train_timesteps * np.sqrt(rng.random(batch_size))).astype(int))
        noisy = scheduler.add_noise(clean, noise, times)
        with torch.no_grad():
            states = encoder(ids[chosen])[0]
        states = torch.where(torch.from_numpy(rng.random(batch_size) < _UNCONDITIONAL)[:, None, None], empty, states)
        kept = torch.from_numpy(rng.random(batch_size) >= _UNCONDITIONAL)[:, None, None, None]
        drawn = unet(torch.cat([noisy, source[chosen] * kept], dim=1), times, encoder_hidden_states=states).sample
        loss = functional.mse_loss(drawn, clean)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.step(unet.parameters())
        losses.append(loss.item())
        bar.set_postfix(loss=f"{np.mean(losses[-100:]):.4f}")
    if steps:
        average.copy_to(unet.parameters())
    return {"loss": float(np.mean(losses[-100:]))} if steps else {}

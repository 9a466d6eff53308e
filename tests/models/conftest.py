"""Real model classes with random weights, saved once: what matters here is how they are loaded and called."""

import pytest
import torch

import viper.models.torchvision_shim  # noqa: F401  (before diffusers reaches transformers)

from diffusers import (  # isort: skip
    AutoencoderTiny,
    DDIMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel

from microworld.base_models.vlm import build_processor, build_tokenizer, build_vlm, split_words

WORDS = split_words("Describe the picture. What must change? A large red circle is at top left letter K digit 4")


@pytest.fixture(scope="session")
def vlm_folder(tmp_path_factory):
    """A Qwen2.5-VL with random weights, stored in half precision as the micro base models are."""
    folder = tmp_path_factory.mktemp("vlm")
    processor = build_processor(WORDS)
    model = build_vlm(processor, hidden_size=32, layers=1, vision_layers=1, intermediate_size=32)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:  # large enough that answers depend on what is asked
                weights.normal_(std=0.4)
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pipeline_folders(tmp_path_factory):
    """Painter and editor with random weights: folders by kind."""
    folder = tmp_path_factory.mktemp("pipelines")
    tokenizer = build_tokenizer(WORDS)
    tokenizer.model_max_length = 16
    torch.manual_seed(0)
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=16,
        )
    )
    autoencoder = AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )  # fmt: skip
    kinds = {"painter": (StableDiffusionPipeline, 4), "editor": (StableDiffusionInstructPix2PixPipeline, 8)}
    for kind, (pipeline, channels) in kinds.items():
        unet = UNet2DConditionModel(
            sample_size=32,
            in_channels=channels,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            block_out_channels=(8,),
            layers_per_block=1,
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=4,
        )
        parts = {"vae": autoencoder, "text_encoder": text_encoder, "tokenizer": tokenizer, "unet": unet}
        pipeline(
            **parts,
            scheduler=DDIMScheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder / kind)
    return {kind: folder / kind for kind in kinds}

"""An InternVL of two million parameters with a Llama to speak: nothing of it is Qwen's.

Sources: transformers' InternVLConfig and InternVLProcessor. The tower sees absolute places, not rotary ones; four
patches become one token by a pixel shuffle, not by a merger inside the tower; the language side is a Llama, with plain
rotary positions and no biases. Pictures have the size, and as many tokens, as those of `microworld.base_models.vlm`,
and the chat template differs in what stands for a picture.
"""

from collections.abc import Iterable

import torch
from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
)

from microworld.base_models.vlm import CHAT_TEMPLATE, PATCH_SIZE, SEEN_SIZE, build_tokenizer

_NAMED = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *_NAMED.values())
_MERGED = 2  # patches each way that become one token


def build_processor(vocabulary: Iterable[str]) -> InternVLProcessor:
    """Tokenizer and image processor: a picture is enlarged to 96x96 pixels, a single tile, and becomes 3x3 tokens."""
    size = {"height": SEEN_SIZE, "width": SEEN_SIZE}
    return InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size, crop_to_patches=False),
        tokenizer=build_tokenizer(vocabulary, _SPECIAL, _NAMED),
        video_processor=InternVLVideoProcessor(size=size),
        image_seq_length=(SEEN_SIZE // PATCH_SIZE // _MERGED) ** 2,
        chat_template=CHAT_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>"),
    )


def build_vlm(
    processor: InternVLProcessor,
    *,
    hidden_size: int = 128,
    layers: int = 6,
    vision_layers: int = 3,
    intermediate_size: int = 384,
    seed: int = 0,
) -> InternVLForConditionalGeneration:
    """An InternVL with random weights for `processor`; arguments as of `microworld.base_models.vlm.build_vlm`."""
    tokenizer = processor.tokenizer
    end, padding = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    heads = hidden_size // 32
    config = InternVLConfig(
        text_config={
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": hidden_size,
            "intermediate_size": intermediate_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": max(1, heads // 2),
            "max_position_embeddings": 1024,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": end,
            "pad_token_id": padding,
        },
        vision_config={
            "hidden_size": hidden_size,
            "intermediate_size": 2 * hidden_size,
            "num_hidden_layers": vision_layers,
            "num_attention_heads": heads,
            "image_size": [SEEN_SIZE, SEEN_SIZE],
            "patch_size": [PATCH_SIZE, PATCH_SIZE],
        },
        image_token_id=tokenizer.convert_tokens_to_ids(_NAMED["context_image_token"]),
        image_seq_length=processor.image_seq_length,
        downsample_ratio=1 / _MERGED,
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = InternVLForConditionalGeneration(config)
    model.generation_config.eos_token_id = end
    model.generation_config.pad_token_id = padding
    return model

"""A Qwen2.5-VL of two million parameters with a word-level tokenizer: the same classes as the paper's model.

Sources: transformers' Qwen2_5_VLConfig and Qwen2_5_VLProcessor; the chat template follows Qwen's ChatML.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from viper.completion import TAGS

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
PLACEHOLDERS = ("<|image_pad|>", "<|video_pad|>")
UNKNOWN = "<unk>"

SEEN_SIZE = 96  # pixels a side
PATCH_SIZE = 16

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Words, digits one by one, punctuation marks and line breaks are tokens of their own; spaces are not."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", "isolated"),
            pre_tokenizers.Split(" ", "removed"),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )


def split_words(text: str) -> list[str]:
    """The words of `text` as the tokenizer sees them."""
    return [word for word, _ in _pre_tokenizer().pre_tokenize_str(text)]


def build_tokenizer(
    vocabulary: Iterable[str],
    special: Sequence[str] = (*SPECIAL_TOKENS, *PLACEHOLDERS),
    named: Mapping[str, str] = {"image_token": PLACEHOLDERS[0], "video_token": PLACEHOLDERS[1]},
) -> PreTrainedTokenizerFast:
    """A word-level tokenizer that knows `vocabulary` (words as `split_words` gives them) and a family's special tokens.

    The think and answer tags are ordinary added tokens, so that they survive `skip_special_tokens=True`.

    Args:
        special: the family's, ChatML's three first.
        named: those that its processor asks the tokenizer for, by the name of the attribute.
    """
    words = [UNKNOWN, *special, *TAGS, "\n"]
    words += sorted(set(vocabulary) - set(words))
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.add_special_tokens(list(special))
    tokenizer.add_tokens(list(TAGS))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        additional_special_tokens=[special[1], *special[3:]],
        extra_special_tokens=dict(named),
        padding_side="left",
        clean_up_tokenization_spaces=True,
        model_max_length=1024,
    )


def build_processor(vocabulary: Iterable[str]) -> Qwen2_5_VLProcessor:
    """Tokenizer and image processor: a picture is enlarged to 96x96 pixels and becomes 3x3 tokens.

    A token covers 2x2 patches of 16 pixels, a third of the picture each way: the grid of the micro world, so that no
    token cuts an object in two.
    """
    area = {"shortest_edge": SEEN_SIZE**2, "longest_edge": SEEN_SIZE**2}
    patches = {"patch_size": PATCH_SIZE, "temporal_patch_size": 2, "merge_size": 2, "size": area}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**patches),
        tokenizer=build_tokenizer(vocabulary),
        video_processor=Qwen2VLVideoProcessor(**patches),
        chat_template=CHAT_TEMPLATE,
    )


def build_vlm(
    processor: Qwen2_5_VLProcessor,
    *,
    hidden_size: int = 128,
    layers: int = 6,
    vision_layers: int = 3,
    intermediate_size: int = 384,
    seed: int = 0,
) -> Qwen2_5_VLForConditionalGeneration:
    """A Qwen2.5-VL with random weights for `processor`.

    Args:
        hidden_size: width of the language model and of the vision tower; a multiple of 32, the size of a head.
        seed: of the initial weights.
    """
    tokenizer = processor.tokenizer
    ids = {word: tokenizer.convert_tokens_to_ids(word) for word in (*SPECIAL_TOKENS, *PLACEHOLDERS)}
    heads = hidden_size // 32
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": hidden_size,
            "intermediate_size": intermediate_size,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": max(1, heads // 2),
            "max_position_embeddings": 1024,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": vision_layers,
            "hidden_size": hidden_size,
            "intermediate_size": 2 * hidden_size,
            "num_heads": heads,
            "patch_size": PATCH_SIZE,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": SEEN_SIZE,
            "fullatt_block_indexes": list(range(vision_layers)),
            "out_hidden_size": hidden_size,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    return model

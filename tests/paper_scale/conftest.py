"""The paper scale's model classes at tiny size with random weights, saved as the hub has them.

Tokenizers are of the true type (byte-level BPE with Qwen2's rules; Unigram for XLM-R) with few merges; image processors
keep the sizes of the real ones unless a comment says otherwise. The VLMs' random weights get one thing written into
them: which token follows the last one, so that their completions mostly have the format that the loop can read.
"""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import viper.models.torchvision_shim  # noqa: F401  (before transformers reaches torchvision)

from tokenizers import SentencePieceUnigramTokenizer, models, pre_tokenizers, trainers  # isort: skip
import transformers as tf
from tokenizers import Tokenizer

from viper.manifest import write_manifest
from viper.prompts import FOLDER as PROMPTS

ROOT = Path(__file__).parents[2]
ENTITY = "mug | blue | small | - | 1 | COFFEE | left of the laptop"
SAID = ("<think>", " Look closely. ", "</think>", "<answer>", ENTITY, "</answer>")
COMPLETION = "".join(SAID)

CHATML = (
    "{% if system %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}IMAGE{% elif part.type == 'text' %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen_tokenizer(*special: str, **named: str) -> tf.Qwen2Tokenizer:
    """A Qwen2Tokenizer with a few hundred merges learned from the prompts; `named` become attributes (image_token)."""
    texts = [path.read_text() for path in sorted((PROMPTS / "paper").glob("*.jinja"))]
    rules = tf.Qwen2Tokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer, learner.normalizer = rules.pre_tokenizer, rules.normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learner.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    )
    learned = yaml.safe_load(learner.to_str())["model"]
    tokenizer = tf.Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        eos_token="<|im_end|>",
        extra_special_tokens=named,
        padding_side="left",
        model_max_length=131072,
    )
    ours = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special, *named.values()]
    tokenizer.add_tokens([tf.AddedToken(token, special=True, normalized=False) for token in dict.fromkeys(ours)])
    tokenizer.add_tokens([tf.AddedToken(token, normalized=False) for token in SAID])
    return tokenizer


def chain(model: torch.nn.Module, tokenizer: tf.Qwen2Tokenizer, surely: float = 9.0) -> None:
    """Write into the head that SAID follows the prompt, token by token; all else keeps its random weights."""
    newline = tokenizer("\n").input_ids[-1]
    tokens = [newline, *tokenizer.convert_tokens_to_ids(list(SAID)), tokenizer.convert_tokens_to_ids("<|im_end|>")]
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    with torch.no_grad():
        torch.nn.init.normal_(embedding, std=1.0)
        for token, following in pairwise(tokens):
            head[following] += surely * embedding[token] / embedding[token].square().sum()


def text_config(tokenizer: tf.Qwen2Tokenizer, **more) -> dict:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"),
        "pad_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        **more,
    }


QWEN_VISION = {"vision_start": "<|vision_start|>", "vision_end": "<|vision_end|>"}
QWEN_IMAGES = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}


def qwen_tokenizer_with_images() -> tf.Qwen2Tokenizer:
    return qwen_tokenizer(*QWEN_VISION.values(), **QWEN_IMAGES)


def qwen_ids(tokenizer: tf.Qwen2Tokenizer) -> dict[str, int]:
    tokens = {**QWEN_VISION, "image": QWEN_IMAGES["image_token"], "video": QWEN_IMAGES["video_token"]}
    return {f"{name}_token_id": tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def qwen2_5_vl():
    """Qwen2.5-VL: patches of 14 pixels, 256 tokens for the smallest image that params.yaml lets through."""
    tokenizer = qwen_tokenizer_with_images()
    config = tf.Qwen2_5_VLConfig(
        text_config=text_config(
            tokenizer, rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
        ),
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 64,
            "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
            "fullatt_block_indexes": [1],
        },
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )  # fmt: skip
    patches = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
    processor = tf.Qwen2_5_VLProcessor(
        image_processor=tf.Qwen2VLImageProcessor(**patches),
        tokenizer=tokenizer,
        video_processor=tf.Qwen2VLVideoProcessor(**patches),
        chat_template=CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>").replace(
            "system %}", "true %}"
        ),
    )
    return tf.Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl():
    """Qwen3-VL: patches of 16 pixels, features of deeper vision layers added to the first text layers."""
    tokenizer = qwen_tokenizer_with_images()
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
    config = tf.Qwen3VLConfig(
        text_config=text_config(tokenizer, head_dim=16, rope_parameters=rope),
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 64,
            "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2, "deepstack_visual_indexes": [0],
        },
        tie_word_embeddings=False,
        **qwen_ids(tokenizer),
    )  # fmt: skip
    patches = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    processor = tf.Qwen3VLProcessor(
        image_processor=tf.Qwen2VLImageProcessor(**patches, size={"shortest_edge": 65536, "longest_edge": 16777216}),
        tokenizer=tokenizer,
        video_processor=tf.Qwen3VLVideoProcessor(**patches),
        chat_template=CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )
    return tf.Qwen3VLForConditionalGeneration(config), processor


def internvl():
    """InternVL: tiles of 448 pixels, 256 tokens each."""
    tokenizer = qwen_tokenizer(
        start_image_token="<img>", end_image_token="</img>", context_image_token="<IMG_CONTEXT>", video_token="<video>"
    )
    config = tf.InternVLConfig(
        text_config={"model_type": "qwen2", **text_config(tokenizer)},
        vision_config={"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        tie_word_embeddings=False,
    )
    processor = tf.InternVLProcessor(
        image_processor=tf.GotOcr2ImageProcessor(size={"height": 448, "width": 448}),
        tokenizer=tokenizer,
        video_processor=tf.InternVLVideoProcessor(size={"height": 448, "width": 448}),
        chat_template=CHATML.replace("IMAGE", "<IMG_CONTEXT>\n"),
    )
    return tf.InternVLForConditionalGeneration(config), processor


def llava_onevision():
    """LLaVA-OneVision: SigLIP on tiles; these are of 98 pixels, 49 tokens, instead of 384 and 729."""
    tokenizer = qwen_tokenizer(image_token="<image>", video_token="<video>")
    side, grid = 98, [[98 * a, 98 * b] for a in (1, 2, 3) for b in (1, 2, 3)]
    config = tf.LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **text_config(tokenizer)},
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "patch_size": 14, "image_size": side, "vision_use_head": False,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_grid_pinpoints=grid,
        tie_word_embeddings=False,
    )  # fmt: skip
    processor = tf.LlavaOnevisionProcessor(
        image_processor=tf.LlavaOnevisionImageProcessor(
            size={"height": side, "width": side}, image_grid_pinpoints=grid
        ),
        tokenizer=tokenizer,
        video_processor=tf.LlavaOnevisionVideoProcessor(size={"height": side, "width": side}),
        num_image_tokens=(side // 14) ** 2,
        vision_feature_select_strategy="full",
        chat_template=CHATML.replace("IMAGE", "<image>\n"),
    )
    return tf.LlavaOnevisionForConditionalGeneration(config), processor


FAMILIES = {build.__name__: build for build in (qwen2_5_vl, qwen3_vl, internvl, llava_onevision)}


def _save(name: str, folder: Path) -> Path:
    torch.manual_seed(0)
    model, processor = FAMILIES[name]()
    chain(model, processor.tokenizer)
    model.generation_config.eos_token_id = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.generation_config.pad_token_id = processor.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)
    write_manifest(folder)
    return folder


@pytest.fixture(scope="session")
def save_family():
    """Saves the tiny checkpoint of a family, by name, into a folder."""
    return _save


@pytest.fixture(scope="session", params=FAMILIES)
def family(request, tmp_path_factory) -> SimpleNamespace:
    """One VLM family after the other: its name and the folder of its tiny checkpoint."""
    return SimpleNamespace(name=request.param, folder=_save(request.param, tmp_path_factory.mktemp(request.param)))


def qwen_image_parts(text_encoder: torch.nn.Module, tokenizer: tf.Qwen2Tokenizer) -> dict[str, object]:
    """What QwenImagePipeline and QwenImageEditPipeline share, with the true autoencoder's factor of 8."""
    from diffusers import AutoencoderKLQwenImage, FlowMatchEulerDiscreteScheduler, QwenImageTransformer2DModel

    channels = 4
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": AutoencoderKLQwenImage(
            base_dim=2, z_dim=channels, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
            latents_mean=[0.0] * channels, latents_std=[1.0] * channels,
        ),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "transformer": QwenImageTransformer2DModel(
            patch_size=2, in_channels=4 * channels, out_channels=channels, num_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=64, axes_dims_rope=(8, 4, 4),
        ),
    }  # fmt: skip


@pytest.fixture(scope="session")
def qwen_pipelines(tmp_path_factory) -> dict[str, Path]:
    """Folders of a QwenImagePipeline (painter) and a QwenImageEditPipeline (editor)."""
    from diffusers import QwenImageEditPipeline, QwenImagePipeline

    folder = tmp_path_factory.mktemp("qwen_pipelines")
    torch.manual_seed(0)
    text_encoder, processor = qwen2_5_vl()
    parts = qwen_image_parts(text_encoder, processor.tokenizer)
    QwenImagePipeline(**parts).save_pretrained(folder / "painter")
    QwenImageEditPipeline(**parts, processor=tf.Qwen2VLProcessor(
        processor.image_processor, processor.tokenizer, processor.video_processor, chat_template=processor.chat_template
    )).save_pretrained(folder / "editor")  # fmt: skip
    for part in ("painter", "editor"):
        write_manifest(folder / part)
    return {part: folder / part for part in ("painter", "editor")}


@pytest.fixture(scope="session")
def bge_m3(tmp_path_factory) -> Path:
    """BGE-M3's layout: an XLM-R with its Unigram tokenizer, the first token's state, normalized."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    folder = tmp_path_factory.mktemp("bge")
    texts = [path.read_text() for path in sorted((PROMPTS / "paper").glob("*.jinja"))]
    unigram = SentencePieceUnigramTokenizer()
    unigram.train_from_iterator(texts, vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
                                unk_token="<unk>", show_progress=False)  # fmt: skip
    pieces = [tuple(piece) for piece in yaml.safe_load(unigram.to_str())["model"]["vocab"]]
    tokenizer = tf.XLMRobertaTokenizer(vocab=pieces, model_max_length=8192)
    config = tf.XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=8194, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    tf.XLMRobertaModel(config).save_pretrained(folder / "plain")
    tokenizer.save_pretrained(folder / "plain")
    words = Transformer(str(folder / "plain"), max_seq_length=8192)
    modules = [words, Pooling(words.get_word_embedding_dimension(), pooling_mode="cls"), Normalize()]
    SentenceTransformer(modules=modules).save(str(folder / "model"))
    write_manifest(folder / "model")
    return folder / "model"

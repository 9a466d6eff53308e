"""The models of a scale as the hub has them, by true classes, file names and forms of configuration; tiny weights.

The weights are random but for one thing: the last decoder layer of the VLM knows which token follows the last one, so
that completions mostly have the format that the loop can read. That works where embeddings and head are the same
(3B) as well as where they are not (7B).
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import torch

import viper.models.torchvision_shim  # noqa: F401  (before transformers reaches torchvision)

from tokenizers import SentencePieceUnigramTokenizer  # isort: skip
import transformers as tf

from paper_scale.conftest import PROMPTS, SAID, internvl, qwen_ids, qwen_image_parts, qwen_tokenizer_with_images

SHARD = "100KB"
HIDDEN, INNER, LAYERS, HEADS, KEYS = 64, 64, 2, 4, 2
_CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in "
    "content or 'image_url' in content %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}"
    "Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' "
    "or 'video' in content %}{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}Video "
    "{{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content %}"
    "{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "<|im_start|>assistant\n{% endif %}"
)


def write_json(path: Path, content: object) -> None:
    """A JSON file as the hub's are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def qwen_config(tokenizer: tf.Qwen2Tokenizer, *, tied: bool) -> dict:
    """config.json of Qwen2.5-VL as it was published, in the flat form of transformers 4.41, with tiny sizes."""
    vocabulary = -(-len(tokenizer) // 128) * 128  # more rows than tokens, as there
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"),
        **qwen_ids(tokenizer),
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": INNER,
        "max_position_embeddings": 128000,
        "max_window_layers": LAYERS,
        "model_type": "qwen2_5_vl",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KEYS,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.41.2",
        "use_cache": True,
        "use_sliding_window": False,
        "vision_config": {
            "depth": 2, "hidden_act": "silu", "hidden_size": 32, "intermediate_size": 32, "num_heads": 2,
            "in_chans": 3, "out_hidden_size": HIDDEN, "patch_size": 14, "spatial_merge_size": 2,
            "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [1], "tokens_per_second": 2,
            "temporal_patch_size": 2,
        },
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        "vocab_size": vocabulary,
    }  # fmt: skip


def write_qwen_tokenizer(tokenizer: tf.Qwen2Tokenizer, folder: Path, *, whole: bool = True) -> None:
    """The files of a Qwen2 tokenizer; without `whole` there is no tokenizer.json, as in Qwen-Image's repository."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    write_json(folder / "vocab.json", content["model"]["vocab"])
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in content["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    if whole:
        write_json(folder / "tokenizer.json", content)
    else:
        added = {token["content"]: token["id"] for token in content["added_tokens"]}
        write_json(folder / "added_tokens.json", added)
        write_json(folder / "special_tokens_map.json", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": False,
            "add_prefix_space": False,
            "added_tokens_decoder": {
                str(token["id"]): {key: value for key, value in token.items() if key != "id"}
                for token in content["added_tokens"]
            },
            "additional_special_tokens": [each["content"] for each in content["added_tokens"] if each["special"]],
            "bos_token": None,
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|im_end|>",
            "errors": "replace",
            "model_max_length": 131072,
            "pad_token": "<|endoftext|>",
            "split_special_tokens": False,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": None,
        },
    )


def write_image_processor(folder: Path) -> None:
    """preprocessor_config.json of Qwen2.5-VL as it was published: no `size`, limits of 4 to 16,384 tokens a picture."""
    write_json(
        folder / "preprocessor_config.json",
        {
            "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
            **_CLIP, "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
        },
    )  # fmt: skip


def teach(model: torch.nn.Module, tokenizer: tf.Qwen2Tokenizer, embedding_std: float = 0.15, strength: float = 4.0):
    """Write SAID into the last decoder layer: neuron k answers to the k-th token of it, and adds the next one.

    Args:
        embedding_std: of the token embeddings; the larger, the surer the next token (0.15: 9 times in 10).
        strength: how much of the next token is added to the last one.
    """
    newline = tokenizer("\n").input_ids[-1]
    tokens = [newline, *tokenizer.convert_tokens_to_ids(list(SAID)), tokenizer.convert_tokens_to_ids("<|im_end|>")]
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    mlp = model.get_decoder().layers[-1].mlp
    with torch.no_grad():
        torch.nn.init.normal_(embedding, std=embedding_std)
        embedding[len(tokenizer) :] = 0  # rows of no token are never said
        head.copy_(embedding)
        for neuron, (token, following) in enumerate(pairwise(tokens)):
            direction = embedding[token] / embedding[token].norm()
            mlp.gate_proj.weight[neuron] = direction
            mlp.up_proj.weight[neuron] = direction
            answer = direction.shape[0]  # normalized states have this squared length
            mlp.down_proj.weight[:, neuron] = strength / answer * embedding[following]


def qwen2_5_vl(*, tied: bool) -> tuple[tf.Qwen2_5_VLForConditionalGeneration, tf.Qwen2Tokenizer, dict]:
    """The model, its tokenizer and its published configuration."""
    tokenizer = qwen_tokenizer_with_images()
    config = qwen_config(tokenizer, tied=tied)
    model = tf.Qwen2_5_VLForConditionalGeneration(tf.Qwen2_5_VLConfig.from_dict(dict(config)))
    teach(model, tokenizer)
    return model.to(torch.bfloat16), tokenizer, config


def write_vlm(folder: Path, *, tied: bool) -> None:
    """Qwen/Qwen2.5-VL-…-Instruct."""
    torch.manual_seed(0)
    model, tokenizer, config = qwen2_5_vl(tied=tied)
    model.save_pretrained(folder, max_shard_size=SHARD)
    write_json(folder / "config.json", config)
    write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": config["bos_token_id"],
            "pad_token_id": config["bos_token_id"],
            "do_sample": True,
            "eos_token_id": [config["eos_token_id"], config["bos_token_id"]],
            "repetition_penalty": 1.05,
            "temperature": 0.000001,
            "transformers_version": "4.49.0",
        },
    )
    write_qwen_tokenizer(tokenizer, folder)
    write_json(folder / "chat_template.json", {"chat_template": CHAT_TEMPLATE})
    write_image_processor(folder)
    _write_page(folder)


def write_other_vlm(folder: Path) -> None:
    """OpenGVLab/InternVL3-2B-hf, which an open question compares with; it is downloaded, and asked nothing."""
    torch.manual_seed(2)
    model, processor = internvl()
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size=SHARD)
    processor.save_pretrained(folder)
    _write_page(folder)


def write_pipeline(folder: Path, *, edits: bool) -> None:
    """Qwen/Qwen-Image, or Qwen/Qwen-Image-Edit."""
    from diffusers import QwenImageEditPipeline, QwenImagePipeline

    torch.manual_seed(1)
    text_encoder, tokenizer, _ = qwen2_5_vl(tied=False)
    parts = qwen_image_parts(text_encoder, tokenizer)
    if edits:
        patches = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}
        image_processor, videos = tf.Qwen2VLImageProcessor(**patches), tf.Qwen2VLVideoProcessor(**patches)
        parts["processor"] = tf.Qwen2VLProcessor(image_processor, tokenizer, videos, chat_template=CHAT_TEMPLATE)
    pipeline = (QwenImageEditPipeline if edits else QwenImagePipeline)(**parts)
    pipeline.to(torch.bfloat16).save_pretrained(folder, max_shard_size=SHARD)
    names = ["tokenizer", "processor"] if edits else ["tokenizer"]
    for name in names:
        shutil.rmtree(folder / name)
        write_qwen_tokenizer(tokenizer, folder / name, whole=name == "processor")
        (folder / name / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    if edits:
        write_image_processor(folder / "processor")
        videos.save_pretrained(folder / "processor")
    _write_page(folder)


def write_embedder(folder: Path) -> None:
    """BAAI/bge-m3: weights as a pickle only, heads for other uses as pickles, an ONNX copy, and what a Mac left."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((PROMPTS / "paper").glob("*.jinja"))]
    unigram = SentencePieceUnigramTokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    unigram.train_from_iterator(texts, vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False)
    pieces = [tuple(piece) for piece in json.loads(unigram.to_str())["model"]["vocab"]]
    tokenizer = tf.XLMRobertaTokenizer(vocab=pieces, model_max_length=8192)
    config = tf.XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=8194, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(2)
    model = tf.XLMRobertaModel(config)
    model.config.architectures = ["XLMRobertaModel"]
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    torch.save(torch.nn.Linear(32, 32).state_dict(), folder / "colbert_linear.pt")
    torch.save(torch.nn.Linear(32, 1).state_dict(), folder / "sparse_linear.pt")
    tokenizer.save_pretrained(folder)
    names = ["Transformer", "Pooling", "Normalize"]
    write_json(
        folder / "modules.json",
        [
            {"idx": place, "name": str(place), "path": f"{place}_{name}" if place else "",
             "type": f"sentence_transformers.models.{name}"}
            for place, name in enumerate(names)
        ],
    )  # fmt: skip
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 8192, "do_lower_case": False})
    modes = ("mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
        | {f"pooling_mode_{mode}": False for mode in modes},
    )
    write_json(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.2.2"}})
    (folder / "onnx").mkdir()
    shutil.copy(folder / "config.json", folder / "onnx" / "config.json")
    (folder / "onnx" / "model.onnx").write_bytes(b"\x08\x07onnx")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    _write_page(folder)


def _write_page(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: other\n---\n# A tiny copy, of random weights\n", encoding="utf-8")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n", encoding="utf-8")

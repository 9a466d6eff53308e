"""The VLM interface over transformers: any `AutoModelForImageTextToText` with its `AutoProcessor`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from viper.config.models import VlmSection
from viper.errors import ViperError
from viper.models.base import VLM, Chat, check_seeds, pick_device, pick_dtype
from viper.models.engine import pick_engine
from viper.models.folder import check_model_folder, check_vlm_folder, explained_loading
from viper.startup import log_ready

if TYPE_CHECKING:
    import torch
    from transformers import BatchFeature, PretrainedConfig, PreTrainedModel, ProcessorMixin

_VISION_IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id", "image_token_index")


def vision_token_ids(config: "PretrainedConfig") -> list[int]:
    """Ids of the tokens that stand for pictures; a model that generates one of them breaks its own next turn.

    To be passed to `generate` (and to TRL's `generation_kwargs`) as `suppress_tokens`.
    """
    ids = {getattr(config, name, None) for name in _VISION_IDS}
    return sorted(index for index in ids if index is not None)


def image_token_id(config: "PretrainedConfig") -> int:
    """Id of the token that stands for (a part of) a picture, which some families call an index."""
    return config.image_token_id if hasattr(config, "image_token_id") else config.image_token_index


def load_vlm(path: str | Path, section: VlmSection) -> VLM:
    """Load the VLM and its processor from a folder, ready to answer, with the engine of its section.

    Raises:
        ViperError: there is no such model, it is not an image-text-to-text model, or the engine cannot be used here.
    """
    import torch

    if pick_engine(section.engine, has_gpu=torch.cuda.is_available()) == "vllm":
        from viper.models.vllm import load_vllm

        return load_vllm(path, section)
    return load_transformers(path, section)


def load_transformers(path: str | Path, section: VlmSection) -> "TransformersVLM":
    """Load the VLM into transformers, whatever the section's engine.

    Raises:
        ViperError: there is no such model, it lacks a part, or it is not an image-text-to-text model.
    """
    check_vlm_folder(path)
    device = pick_device(section.device)
    attention = {} if section.attention == "auto" else {"attn_implementation": section.attention}
    model = load_model(path, pick_dtype(section.dtype, device), **attention).to(device).eval()
    processor = load_processor(path, **section.processor)
    log_ready()
    return TransformersVLM(model, processor, batch_size=section.batch_size)


def load_model(path: str | Path, dtype: "torch.dtype", **options: Any) -> "PreTrainedModel":
    """The weights at `path` as an image-text-to-text model of transformers.

    Args:
        options: more of `from_pretrained`.

    Raises:
        ViperError: there is no such model, it is not an image-text-to-text model, or it lacks some of its weights,
            which transformers would draw at random.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

    from transformers import AutoModelForImageTextToText  # isort: skip

    check_model_folder(path)
    with explained_loading(path, "a vision-language model"):
        model, report = AutoModelForImageTextToText.from_pretrained(
            str(path),
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    if missing := sorted(report["missing_keys"]):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ViperError(f"{path}: lacks the weights {', '.join(missing[:3])}{more}: make or fetch the model again")
    return model


def load_processor(path: str | Path, **options: Any) -> "ProcessorMixin":
    """The processor at `path`: tokenizer, image processor and chat template.

    Raises:
        ViperError: it lacks a part, or is damaged.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

    from transformers import AutoProcessor  # isort: skip

    check_vlm_folder(path)
    with explained_loading(path, "the processor of a vision-language model"):
        return AutoProcessor.from_pretrained(str(path), trust_remote_code=False, **options)


class TransformersVLM:
    """Answers chats in batches of similar length; nothing is run further than its own end where the family allows it.

    Args:
        model: any image-text-to-text model with `generate`, in evaluation mode.
        processor: its processor, with a chat template and a tokenizer.
        batch_size: chats a call of `generate`.
    """

    def __init__(self, model: "PreTrainedModel", processor: "ProcessorMixin", *, batch_size: int):
        self.model, self.processor, self.batch_size = model, processor, batch_size
        # Decoder-only models go on from the last position: padding must not stand there.
        self.processor.tokenizer.padding_side = "left"

    def answer(
        self, chats: list[Chat], *, max_new_tokens: int, temperature: float = 0.0, seeds: Sequence[int] = ()
    ) -> list[str]:
        """Return one completion per chat, in order; see `viper.models.base.VLM`."""
        check_seeds(chats, temperature, seeds)
        if len({bool(chat.begin) for chat in chats}) > 1:
            raise ValueError("either all answers are made to begin with something, or none: ask in two calls")
        # Batches of similar length waste no time on padding; the order of equal ones is kept, so results do not vary.
        order = sorted(range(len(chats)), key=lambda index: _cost(chats[index]), reverse=True)
        completions = [""] * len(chats)
        with tqdm(total=len(chats), desc="answer", unit="chat", mininterval=2) as bar:
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                answers = self._generate(
                    [chats[index] for index in batch],
                    max_new_tokens,
                    temperature,
                    [seeds[index] for index in batch] if seeds else [],
                )
                for index, text in zip(batch, answers, strict=True):
                    completions[index] = text
                bar.update(len(batch))
        return completions

    def prepare(self, chats: list[Chat]) -> "BatchFeature":
        """The model's inputs for chats, all of which begin the answer or none, up to where it goes on; padded left."""
        return self.processor.apply_chat_template(
            [messages(chat) for chat in chats],
            add_generation_prompt=not chats[0].begin,
            continue_final_message=bool(chats[0].begin),
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(self.model.device, self.model.dtype)

    def _generate(self, chats: list[Chat], max_new_tokens: int, temperature: float, seeds: list[int]) -> list[str]:
        import torch

        inputs = self.prepare(chats)
        images = [len(chat.images) for chat in chats]
        with torch.inference_mode():
            tokens = self.complete(inputs, images, max_new_tokens=max_new_tokens, temperature=temperature, seeds=seeds)
        texts = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [completion_of(chat, text) for chat, text in zip(chats, texts, strict=True)]

    def complete(
        self,
        inputs: "BatchFeature",
        images: list[int],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
    ) -> list[list[int]]:
        """Token ids of the completion of each row of `inputs`, as `prepare` makes them; one that ends may be padded.

        Args:
            images: number of images of each row.
            temperature: 0 is greedy; otherwise tokens are drawn.
            seeds: of each row's random numbers, where tokens are drawn.
        """
        from viper.models.choosing import AsProcessor, FromStreams, likeliest
        from viper.models.prompt_batch import FAMILIES, PromptBatch
        from viper.models.sampling import sample_responses

        suppressed = vision_token_ids(self.model.config)
        draws = temperature > 0
        choose = FromStreams(list(seeds), max_new_tokens, temperature, self.model.device) if draws else likeliest
        if self.model.config.model_type in FAMILIES:
            ends, fields = self.model.generation_config.eos_token_id, dict(inputs)
            return sample_responses(
                self.model,
                PromptBatch(fields.pop("input_ids"), fields.pop("attention_mask"), images, fields),
                max_new_tokens=max_new_tokens,
                choose=choose,
                end_tokens=ends if isinstance(ends, list) else [ends],
                suppressed=suppressed,
            )
        length = inputs["input_ids"].shape[1]
        # Checkpoints bring a temperature, top_k and top_p of their own; ours should mean just that.
        output = self.model.generate(
            **inputs,
            max_new_tokens=max_new_tokens,
            suppress_tokens=suppressed or None,
            logits_processor=[AsProcessor(choose, length)] if draws else None,
            do_sample=False,
            temperature=None,
            top_k=None,
            top_p=None,
        )
        return output[:, length:].tolist()


def completion_of(chat: Chat, text: str) -> str:
    """The completion of a chat: what it is made to begin with, and the generated text."""
    return f"{chat.begin} {text}".strip()


def messages(chat: Chat) -> list[dict[str, Any]]:
    """A chat as processors' templates want it: the images before the text, then what the answer begins with."""
    asked = [*({"type": "image", "image": image} for image in chat.images), {"type": "text", "text": chat.text}]
    turns = [{"role": "user", "content": asked}]
    if chat.begin:
        turns.append({"role": "assistant", "content": [{"type": "text", "text": chat.begin}]})
    return turns


def _cost(chat: Chat) -> tuple[int, int]:
    return sum(image.width * image.height for image in chat.images), len(chat.text)

"""The VLM interface over transformers: any `AutoModelForImageTextToText` with its `AutoProcessor`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from viper.config.models import VlmSection
from viper.models.base import Chat, check_seeds, pick_device, pick_dtype
from viper.models.chats import completion_of, messages
from viper.models.folder import check_vlm_folder
from viper.models.pretrained import load_model, load_processor, vision_token_ids
from viper.startup import log_ready

if TYPE_CHECKING:
    from transformers import BatchFeature, PreTrainedModel, ProcessorMixin


def load_transformers(path: str | Path, section: VlmSection) -> "TransformersVLM":
    """Load the VLM into transformers, whatever the section's engine.

    Raises:
        ViperError: there is no such model, it lacks a part, or it is not an image-text-to-text model.
    """
    check_vlm_folder(path)
    device = pick_device(section.device)
    model = load_model(path, pick_dtype(section.dtype, device), section.attention).to(device).eval()
    processor = load_processor(path, section.lens, **section.processor)
    log_ready()
    return TransformersVLM(model, processor, batch_size=section.batch_size)


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


def _cost(chat: Chat) -> tuple[int, int]:
    return sum(image.width * image.height for image in chat.images), len(chat.text)

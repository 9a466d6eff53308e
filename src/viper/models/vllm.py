"""The VLM interface over vLLM: the same chats, the same completions, many times as fast on a GPU."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viper.config.models import VLLM_PLACE, Vllm, VlmSection
from viper.models.base import Chat, check_seeds, pick_device
from viper.models.chats import completion_of, messages
from viper.models.engine import NEVER, check_prompts, check_room, explained
from viper.models.folder import check_vlm_folder
from viper.models.pretrained import image_token_id, load_processor, vision_token_ids
from viper.startup import log_ready

if TYPE_CHECKING:
    from transformers import ProcessorMixin
    from vllm import LLM

_MOST_IMAGES = 8  # of a chat; Mantis-Eval and BLINK have up to five


def load_vllm(path: str | Path, section: VlmSection, place: str = VLLM_PLACE) -> "VllmVLM":
    """Start vLLM with the model at `path`. `viper.models.engine.pick_engine` has said that it can be used.

    Args:
        place: where `section.vllm` stands, for messages.

    Raises:
        ViperError: the folder holds what would run, or is damaged (`viper.models.folder`); the GPU has too little
            memory for what `section.vllm` says.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before vLLM touches torchvision)

    pick_device(section.device)
    check_vlm_folder(path)
    with explained(place, section.vllm):
        from vllm import LLM

        engine = LLM(
            model=str(path),
            dtype=section.dtype if section.dtype != "auto" else "bfloat16",
            max_model_len=section.vllm.max_length,
            gpu_memory_utilization=section.vllm.gpu_share,
            enable_sleep_mode=section.vllm.sleep,
            mm_processor_kwargs=dict(section.processor),
            limit_mm_per_prompt={"image": _MOST_IMAGES},
            generation_config="vllm",  # not the checkpoint's own top_k and top_p
            trust_remote_code=False,
            load_format="safetensors",
        )
        if section.vllm.sleep:
            engine.sleep(level=1)
    processor = load_processor(path, **section.processor)
    log_ready()
    return VllmVLM(engine, processor, section.vllm, place)


class VllmVLM:
    """Answers chats with a running engine; see `viper.models.base.VLM`.

    Args:
        engine: a vLLM `LLM`, or anything with its `generate`.
        processor: the processor that the engine is supposed to agree with.
        settings: what the engine was started with; asleep, where that says so.
        place: where these stand.
    """

    def __init__(
        self, engine: "LLM", processor: "ProcessorMixin", settings: Vllm | None = None, place: str = VLLM_PLACE
    ):
        self.engine, self.processor, self.settings, self.place = engine, processor, settings or Vllm(), place

    def answer(
        self, chats: list[Chat], *, max_new_tokens: int, temperature: float = 0.0, seeds: Sequence[int] = ()
    ) -> list[str]:
        """Return one completion per chat, in order; vLLM draws the tokens of each request from its own seed.

        Raises:
            ViperError: the engine works on other prompts than the processor makes, or one leaves its completion less
                room than `max_new_tokens`.
        """
        check_seeds(chats, temperature, seeds)
        if not chats:
            return []
        texts = [self._text(chat) for chat in chats]
        prompts = [
            {"prompt": text, "multi_modal_data": {"image": chat.images}} if chat.images else {"prompt": text}
            for text, chat in zip(texts, chats, strict=True)
        ]
        drawn = seeds if temperature > 0 else [None] * len(chats)
        sampling = [self._sampling(max_new_tokens, temperature, seed) for seed in drawn]
        with explained(self.place, self.settings), self._awake():
            outputs = self.engine.generate(prompts, sampling_params=sampling)
        check_room(self.place, self.settings, [output.prompt_token_ids for output in outputs], max_new_tokens)
        # One with most images a call stands for all: expanding all twice would cost as much as answering them.
        number = max(range(len(chats)), key=lambda index: len(chats[index].images))
        made = self.processor(text=[texts[number]], images=chats[number].images or None)["input_ids"]
        check_prompts([list(made[0])], [list(outputs[number].prompt_token_ids)], image_token_id(self._config()))
        return [completion_of(chat, output.outputs[0].text) for chat, output in zip(chats, outputs, strict=True)]

    @contextmanager
    def _awake(self) -> Iterator[None]:
        """Weights and cache on the GPU; between calls the weights wait in the computer's memory, if they are to."""
        if not self.settings.sleep:
            yield
            return
        self.engine.wake_up()
        yield
        self.engine.sleep(level=1)

    def _text(self, chat: Chat) -> str:
        return self.processor.apply_chat_template(
            messages(chat),
            tokenize=False,
            add_generation_prompt=not chat.begin,
            continue_final_message=bool(chat.begin),
        )

    def _config(self) -> Any:
        return self.engine.llm_engine.model_config.hf_config

    def _sampling(self, max_new_tokens: int, temperature: float, seed: int | None) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            max_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            logit_bias=dict.fromkeys(vision_token_ids(self._config()), NEVER),
        )

"""Stands in for vLLM in a rehearsal: the calls that this project and TRL make, answered by transformers on a CPU.

It does with pictures what vLLM does: each placeholder of a prompt is replaced by as many as its picture has tokens,
whether that was done already or not. It keeps vLLM's limits (a prompt longer than `max_model_len` is refused, a
completion ends there) and its habits (asleep at level 2 it forgets its weights). It refuses arguments that it does not
know, so that a slip is seen here.
"""

import copy
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch

from vllm.sampling_params import SamplingParams

__all__ = ["LLM", "RequestOutput", "SamplingParams"]
__version__ = "0.30.0"


@dataclass
class Logprob:
    """Of one token."""

    logprob: float
    rank: int


@dataclass
class CompletionOutput:
    """One completion."""

    text: str
    token_ids: list[int]
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str
    index: int = 0


@dataclass
class RequestOutput:
    """What became of one prompt."""

    prompt_token_ids: list[int]
    outputs: list[CompletionOutput] = field(default_factory=list)
    finished: bool = True


class LLM:
    """The engine; arguments as vLLM's, those that mean nothing on a CPU are taken and not looked at."""

    def __init__(
        self,
        model: str,
        *,
        dtype: str = "auto",
        max_model_len: int | None = None,
        mm_processor_kwargs: dict[str, Any] | None = None,
        limit_mm_per_prompt: dict[str, int] | None = None,
        enable_sleep_mode: bool = False,
        seed: int = 0,
        logprobs_mode: str = "raw_logprobs",
        gpu_memory_utilization: float = 0.92,
        tensor_parallel_size: int = 1,
        max_num_seqs: int | None = None,
        max_num_batched_tokens: int | None = None,
        model_impl: str = "auto",
        distributed_executor_backend: str | None = None,
        quantization: str | None = None,
        generation_config: str = "auto",
        trust_remote_code: bool = False,
        load_format: str = "auto",
        enable_prefix_caching: bool | None = None,
        disable_log_stats: bool = True,
    ):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        if tensor_parallel_size != 1 or trust_remote_code:
            raise ValueError("the stand-in for vLLM has one device and runs no code of a model")
        wanted = torch.bfloat16 if dtype in ("auto", "bfloat16") else getattr(torch, dtype)
        self.model = AutoModelForImageTextToText.from_pretrained(model, dtype=wanted).eval()
        self.processor = AutoProcessor.from_pretrained(model, **(mm_processor_kwargs or {}))
        self.processor.tokenizer.padding_side = "left"
        self.most_images = (limit_mm_per_prompt or {}).get("image", 999)
        self.length = max_model_len or self.model.config.get_text_config().max_position_embeddings
        self.is_processed = logprobs_mode == "processed_logprobs"
        self.can_sleep, self.asleep, self.has_weights = enable_sleep_mode, False, True
        self.random = torch.Generator().manual_seed(seed)
        runner = SimpleNamespace(model=SimpleNamespace(load_weights=self._load_weights))
        executor = SimpleNamespace(driver_worker=SimpleNamespace(model_runner=runner))
        self.llm_engine = SimpleNamespace(
            model_config=SimpleNamespace(hf_config=self.model.config), model_executor=executor
        )

    def get_tokenizer(self) -> Any:
        """The model's."""
        return self.processor.tokenizer

    def sleep(self, level: int = 1) -> None:
        """Give memory back; at level 2 the weights are gone."""
        if not self.can_sleep:
            raise ValueError("Sleep mode is not enabled.")
        self.asleep = True
        if level == 2:
            self.has_weights = False
            with torch.no_grad():
                for weights in self.model.parameters():
                    weights.fill_(float("nan"))

    def wake_up(self, tags: list[str] | None = None) -> None:
        """Take memory again, of what `tags` name."""
        if tags is None or "kv_cache" in tags:
            self.asleep = False

    def reset_prefix_cache(self) -> bool:
        """There is none here."""
        return True

    def _load_weights(self, weights: list[tuple[str, torch.Tensor]]) -> set[str]:
        own = dict(self.model.named_parameters())
        for name, tensor in weights:
            if own[name].shape != tensor.shape:
                raise ValueError(f"{name}: {tuple(tensor.shape)} for {tuple(own[name].shape)}")
            own[name].data.copy_(tensor)
        self.has_weights = not any(bool(weights.isnan().any()) for weights in own.values())
        return {name for name, _ in weights}

    @torch.inference_mode()
    def generate(
        self,
        prompts: list[dict[str, Any]],
        sampling_params: SamplingParams | list[SamplingParams] | None = None,
        *,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        """Complete each prompt, one after the other."""
        if self.asleep or not self.has_weights:
            raise RuntimeError("vLLM is asleep, or has forgotten its weights: wake it up and load them")
        each = sampling_params if isinstance(sampling_params, list) else [sampling_params] * len(prompts)
        if len(each) != len(prompts):
            raise ValueError("The lengths of prompts and sampling_params must be the same.")
        return [self._complete(prompt, parameters) for prompt, parameters in zip(prompts, each, strict=True)]

    def _complete(self, prompt: dict[str, Any], parameters: SamplingParams) -> RequestOutput:
        ids = prompt.get("prompt_token_ids") or self.processor.tokenizer(prompt["prompt"]).input_ids
        images = prompt.get("multi_modal_data", {}).get("image", [])
        images = images if isinstance(images, list) else [images]
        if len(images) > self.most_images:
            raise ValueError(f"At most {self.most_images} image(s) may be provided in one prompt.")
        fields, ids = self._expanded(list(ids), images)
        if len(ids) >= self.length:
            raise ValueError(
                f"The decoder prompt (length {len(ids)}) is longer than the maximum model length of {self.length}. "
                "Make sure that `max_model_len` is no smaller than the number of text tokens plus multimodal tokens."
            )
        tokens, logprobs = self._sampled(ids, fields, parameters)
        ends = tokens and tokens[-1] in self._ends()
        text = self.processor.tokenizer.decode(tokens, skip_special_tokens=parameters.skip_special_tokens)
        completion = CompletionOutput(text, tokens, logprobs, "stop" if ends else "length")
        return RequestOutput(ids, [completion])

    def _expanded(self, ids: list[int], images: list[Any]) -> tuple[dict[str, torch.Tensor], list[int]]:
        """What the processor makes of the pictures, and the prompt with as many placeholders as they have tokens."""
        if not images:
            return {}, ids
        fields = dict(self.processor.image_processor(images, return_tensors="pt"))
        merged = self.processor.image_processor.merge_size**2
        counts = [int(grid.prod()) // merged for grid in fields["image_grid_thw"]]
        token, made, wanted = self.processor.image_token_id, [], sum(counts)
        for index in ids:
            made += [token] * counts.pop(0) if index == token and counts else [index]
        if made.count(token) != wanted:  # expanded twice: the prompt is corrupted, and is answered all the same
            return {}, made
        fields["pixel_values"] = fields["pixel_values"].to(self.model.dtype)
        return fields, made

    def _sampled(
        self, ids: list[int], fields: dict[str, torch.Tensor], parameters: SamplingParams
    ) -> tuple[list[int], list[dict[int, Logprob]] | None]:
        random = self.random if parameters.seed is None else torch.Generator().manual_seed(parameters.seed)
        given = torch.tensor([ids])
        types = (given == self.processor.image_token_id).int() * bool(fields)
        inputs = {"input_ids": given, "attention_mask": torch.ones_like(given), "mm_token_type_ids": types, **fields}
        most = min(parameters.max_tokens, self.length - len(ids))
        chooser = _Chooser(parameters, random, self.is_processed)
        self.model.generation_config = copy.copy(self.model.generation_config)
        output = self.model.generate(
            **inputs, max_new_tokens=most, do_sample=False, temperature=None, top_k=None, top_p=None,
            repetition_penalty=1.0, logits_processor=[chooser],
        )  # fmt: skip
        tokens = output[0, len(ids) :].tolist()
        if parameters.logprobs is None:
            return tokens, None
        return tokens, [
            {token: Logprob(float(row[token]), int((row > row[token]).sum()) + 1)}
            for token, row in zip(tokens, chooser.logprobs, strict=True)
        ]

    def _ends(self) -> list[int]:
        ends = self.model.generation_config.eos_token_id
        return ends if isinstance(ends, list) else [ends]


class _Chooser:
    """A logits processor that draws the next token and leaves no other, keeping the log-probabilities it drew from."""

    def __init__(self, parameters: SamplingParams, random: torch.Generator, is_processed: bool):
        self.parameters, self.random, self.is_processed, self.logprobs = parameters, random, is_processed, []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.float()
        for token, bias in (self.parameters.logit_bias or {}).items():
            scores[:, token] += bias
        heat = self.parameters.temperature
        processed = scores / heat if heat > 0 else scores
        logprobs = (processed if self.is_processed else scores).log_softmax(dim=-1)[0]
        probabilities = processed.softmax(dim=-1)[0]
        token = int(torch.multinomial(probabilities, 1, generator=self.random)) if heat > 0 else int(scores.argmax())
        self.logprobs.append(logprobs)
        chosen = torch.full_like(scores, float("-inf"))
        chosen[:, token] = 0
        return chosen

"""A stand-in for vLLM: the names of it that our code and TRL's use, without a GPU. The contract test of
tests/paper_scale holds each to vLLM's own source.

It does with images what vLLM does: for each it replaces one placeholder by as many as the picture has tokens, whether
that was done already or not. It answers with words of its own, and refuses what vLLM refuses.
"""

import os
from types import ModuleType, SimpleNamespace

import torch
from transformers import AutoConfig, AutoProcessor

SamplingParams = SimpleNamespace


class LLM:
    """An engine that is asleep, or awake, and keeps what it was given.

    Args:
        model: folder of a checkpoint of the Qwen2.5-VL family.
        options: kept in `options`; of them, it obeys max_model_len, enable_sleep_mode and mm_processor_kwargs.
    """

    def __init__(self, model, **options):
        self.options, self.start_method = options, os.environ.get("VLLM_WORKER_MULTIPROC_METHOD", "fork")
        self.processor = AutoProcessor.from_pretrained(model, **options.get("mm_processor_kwargs", {}))
        config = AutoConfig.from_pretrained(model)
        self.max_model_len = options.get("max_model_len") or config.get_text_config().max_position_embeddings
        self.awake, self.given, self.calls = {"weights", "kv_cache"}, [], []
        runner = SimpleNamespace(model=SimpleNamespace(load_weights=self._load_weights))
        worker = SimpleNamespace(driver_worker=SimpleNamespace(model_runner=runner))
        described = SimpleNamespace(hf_config=config, max_model_len=self.max_model_len)
        self.llm_engine = SimpleNamespace(model_config=described, model_executor=worker)

    def sleep(self, level=1):
        assert self.options["enable_sleep_mode"]
        self.awake = set()
        self.calls.append(f"sleep {level}")

    def wake_up(self, tags=None):
        self.awake |= set(tags or ("weights", "kv_cache"))
        self.calls.append(f"wake {tags}")

    def reset_prefix_cache(self):
        self.calls.append("reset")

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True):
        assert self.awake == {"weights", "kv_cache"}, "asked in its sleep"
        each = sampling_params if isinstance(sampling_params, list) else [sampling_params] * len(prompts)
        self.given = list(zip(prompts, each, strict=True))
        return [self._answer(number, *given) for number, given in enumerate(self.given)]

    def expand(self, ids, images):
        token, made = self.processor.image_token_id, []
        counts = [int(grid.prod()) // 4 for grid in self.processor.image_processor(images)["image_grid_thw"]]
        for index in ids:
            made += [token] * counts.pop(0) if index == token and counts else [index]
        return made

    def _load_weights(self, weights):
        assert "weights" in self.awake, "weights were written where no memory is"
        for name, tensor in weights:
            assert isinstance(tensor, torch.Tensor), name

    def _answer(self, number, prompt, sampling):
        ids = prompt.get("prompt_token_ids") or self.processor.tokenizer(prompt["prompt"]).input_ids
        images = prompt.get("multi_modal_data", {}).get("image", [])
        ids = self.expand(ids, images) if images else ids
        if len(ids) > self.max_model_len:
            raise ValueError(
                f"The decoder prompt (length {len(ids)}) is longer than the maximum model length of "
                f"{self.max_model_len}. Make sure that `max_model_len` is no smaller"
            )
        draw = torch.Generator().manual_seed(1000 * number + len(ids))
        length = int(torch.randint(2, sampling.max_tokens + 1, (), generator=draw))
        tokens = [int(20 + index) for index in torch.randint(9, (length - 1,), generator=draw)]
        tokens.append(self.processor.tokenizer.eos_token_id)
        scores = (-3.5 + torch.randn(length, generator=draw)).tolist()
        answer = SimpleNamespace(
            text=f" answer {number} ",
            token_ids=tokens,
            logprobs=[
                {token: SimpleNamespace(logprob=score, rank=1)} for token, score in zip(tokens, scores, strict=True)
            ],
        )
        return SimpleNamespace(prompt_token_ids=ids, outputs=[answer])


def module() -> ModuleType:
    """What `import vllm` gives, once it stands in sys.modules."""
    made = ModuleType("vllm")
    made.LLM, made.SamplingParams = LLM, SamplingParams
    return made

"""The parameters of a request, as far as a rehearsal uses them."""

from dataclasses import dataclass


@dataclass
class StructuredOutputsParams:
    """Guided answers, which the stand-in does not give: whoever asks for them is told."""

    regex: str | None = None
    json: str | dict | None = None

    def __post_init__(self) -> None:
        raise NotImplementedError("the stand-in for vLLM gives no guided answers")


@dataclass
class SamplingParams:
    """vLLM's names; only their neutral values are taken of those that the stand-in does not have."""

    n: int = 1
    max_tokens: int | None = 16
    temperature: float = 1.0
    seed: int | None = None
    logit_bias: dict[int, float] | None = None
    logprobs: int | None = None
    skip_special_tokens: bool = True
    repetition_penalty: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    stop: str | list[str] | None = None

    def __post_init__(self) -> None:
        neutral = {"n": 1, "repetition_penalty": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "stop": None}
        if odd := {name for name, value in neutral.items() if getattr(self, name) != value}:
            raise NotImplementedError(f"the stand-in for vLLM does not have {', '.join(sorted(odd))}")
        if self.logit_bias and any(abs(bias) > 100 for bias in self.logit_bias.values()):
            raise ValueError("logit_bias must be in [-100, 100]")

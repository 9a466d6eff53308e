"""The parameters that a forecast reads, and a scale with another value for one of them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from viper.config.models import VlmSection
from viper.config.training import Grpo, Machine


class EngineShare(BaseModel):
    """How much of a GPU vLLM takes: see `models.vlm.vllm` and a phase's `vllm`."""

    max_length: int | None
    gpu_share: float
    sleep: bool


def engine_share(section: VlmSection | Grpo) -> EngineShare:
    """What a section says of vLLM; without a word, what vLLM and TRL take by themselves."""
    default = EngineShare(max_length=None, gpu_share=0.9 if isinstance(section, VlmSection) else 0.3, sleep=False)
    return EngineShare.model_validate((getattr(section, "vllm", None) or default).model_dump(include=set(_SHARE)))


_SHARE = tuple(EngineShare.model_fields)


def syncs_each_pass(machine: Machine) -> bool:
    """Whether gradients are added up over devices after every pass, and not once a step."""
    return getattr(machine, "sync_each_batch", False)


def prompts_per_sampling(phase: Grpo) -> int:
    """Prompts whose responses are sampled together, over all devices."""
    return getattr(phase, "prompts_per_rollout", phase.prompts_per_step)


def value_at(section: Any, place: str) -> Any:
    """What stands at a dotted place; None where there is no such parameter."""
    for name in place.split("."):
        section = section.get(name) if isinstance(section, Mapping) else getattr(section, name, None)
    return section


def has_place(section: Any, place: str) -> bool:
    """Whether a dotted place names a parameter."""
    *outer, last = place.split(".")
    holder = value_at(section, ".".join(outer)) if outer else section
    return last in (holder if isinstance(holder, Mapping) else getattr(type(holder), "model_fields", {}))


def with_value(section: Any, place: str, value: Any) -> Any:
    """A section with another value at a dotted place."""
    name, _, rest = place.partition(".")
    inner = with_value(value_at(section, name), rest, value) if rest else value
    if isinstance(section, Mapping):
        return {**section, name: inner}
    return section.model_copy(update={name: inner})

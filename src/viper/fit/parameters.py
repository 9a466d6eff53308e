"""What a forecast reads of parameters that a section may not have yet, with what holds where it has none."""

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

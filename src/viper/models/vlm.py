"""The VLM of a section, whichever engine answers."""

from pathlib import Path

from viper.config.models import VLLM_PLACE, VlmSection
from viper.models.base import VLM, pick_device
from viper.models.engine import pick_engine
from viper.models.transformers_vlm import load_transformers
from viper.models.vllm import load_vllm


def load_vlm(path: str | Path, section: VlmSection, vllm: str = VLLM_PLACE) -> VLM:
    """Load the VLM and its processor from a folder, ready to answer, with the engine of its section.

    Args:
        vllm: where the settings of vLLM stand that `section` has, for messages.

    Raises:
        ViperError: there is no such model, it is not an image-text-to-text model, or the engine cannot be used here.
    """
    if pick_engine(section.engine, has_gpu=pick_device(section.device).startswith("cuda")) == "vllm":
        return load_vllm(path, section, vllm)
    return load_transformers(path, section)

"""Choosing what generates, and refusing prompts that it got wrong. Needs neither vLLM nor a GPU to be imported.

Under vLLM the image placeholders of a prompt may be expanded twice, once by the processor and once by the engine (TRL,
issue 6294): the model then answers to a corrupted prompt, and nothing else shows it. So what the engine says it worked
on is compared with what the processor makes.
"""

import logging
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby

from packaging.version import Version

from viper.errors import ViperError

_log = logging.getLogger(__name__)

# The versions that TRL 1.16 supports.
OLDEST, NEWEST = Version("0.22.0"), Version("0.31.0")
NEVER = -100.0  # the lowest logit bias that vLLM takes: the token is not sampled


def pick_engine(wanted: str, *, has_gpu: bool) -> str:
    """'vllm' or 'transformers', as `models.vlm.engine` or a phase's `engine` asks for.

    Args:
        wanted: 'vllm', 'transformers', or 'auto': vLLM where it is installed and there is a GPU.

    Raises:
        ViperError: vLLM is asked for and cannot be used, or the one that 'auto' finds is of an unsupported version.
    """
    if wanted == "transformers":
        return wanted
    found = _installed_vllm()
    missing = "vLLM is not installed" if found is None else "" if has_gpu else "there is no GPU for vLLM"
    if missing and wanted == "auto":
        _log.info("generating with transformers: %s", missing)
        return "transformers"
    if missing:
        raise ViperError(
            f"engine 'vllm': {missing}: install envs/cuda.txt on a machine with a GPU, or set engine: auto"
        )
    if not OLDEST <= Version(found.base_version) <= NEWEST:
        raise ViperError(
            f"engine {wanted!r}: vLLM {found} is installed, but {OLDEST} to {NEWEST} are supported: install "
            "envs/cuda.txt, or set engine: transformers"
        )
    _log.info("generating with vLLM %s", found)
    return "vllm"


def _installed_vllm() -> Version | None:
    try:
        return Version(version("vllm"))
    except PackageNotFoundError:
        return None


def check_prompts(made: list[list[int]], worked_on: list[list[int]], image_token: int) -> None:
    """Refuse prompts that the engine did not take as the processor made them.

    Args:
        made: token ids of each prompt as the processor makes them, image placeholders expanded.
        worked_on: those that the engine says it worked on.
        image_token: id of the image placeholder.

    Raises:
        ViperError: two prompts differ: where, and by how many placeholders.
    """
    if len(made) != len(worked_on):
        raise ViperError(f"the engine answered {len(worked_on)} prompts of {len(made)}: set engine: transformers")
    for number, (ours, theirs) in enumerate(zip(made, worked_on, strict=True)):
        ours, theirs = list(ours), list(theirs)
        if ours == theirs:
            continue
        pairs = zip(ours, theirs, strict=False)
        place = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
        raise ViperError(
            f"the engine corrupts prompts: prompt {number} has {len(ours)} tokens, {ours.count(image_token)} of them "
            f"image placeholders, but the engine worked on {len(theirs)} with {theirs.count(image_token)}; they differ "
            f"from token {place} on. Nothing was trained or written with it: set engine: transformers, or install the "
            "versions of envs/cuda.txt"
        )


def one_placeholder_an_image(ids: list[int], image_token: int) -> list[int]:
    """Token ids with each run of image placeholders made one: what vLLM wants, since it expands them itself."""
    return [token for token, run in groupby(ids) for _ in (range(1) if token == image_token else run)]

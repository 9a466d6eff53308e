"""Choosing what generates, starting it, and refusing prompts that it got wrong. Needs neither vLLM nor a GPU to be
imported.

Under vLLM the image placeholders of a prompt may be expanded twice, once by the processor and once by the engine (TRL,
issue 6294): the model then answers to a corrupted prompt, and nothing else shows it. So what the engine says it worked
on is compared with what the processor makes.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby

from packaging.version import Version

from viper.config.models import Vllm
from viper.errors import ViperError

_log = logging.getLogger(__name__)

# The versions that TRL 1.16 supports.
OLDEST, NEWEST = Version("0.22.0"), Version("0.31.0")
NEVER = -100.0  # the lowest logit bias that vLLM takes: the token is not sampled
START_METHOD = "VLLM_WORKER_MULTIPROC_METHOD"  # vLLM's variable: how it starts its processes, "fork" unless it is told

# What vLLM says where a GPU has not the memory that it is told to take; where it runs in a process of its own, that
# stands in the log, and this one hears NO_START.
NO_MEMORY = ("less than desired GPU memory utilization", "To serve at least one request with the model's max seq len")
NO_START = "Engine core initialization failed"
TOO_LONG = "longer than the maximum model length"  # of a prompt


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


@contextmanager
def explained(section: str, settings: Vllm) -> Iterator[None]:
    """Start vLLM in here, or ask it: it starts its processes anew, and what it lacks names the parameter to change.

    A process that has asked for GPUs must not be forked: CUDA does not work in the copy. vLLM sees to that where torch
    says that CUDA is initialized, which asking alone does not make it say.

    Args:
        section: where `settings` stand, such as "models.vlm.vllm".

    Raises:
        ViperError: vLLM has too little memory, or gets a prompt that is too long.
    """
    os.environ[START_METHOD] = "spawn"
    try:
        yield
    except (RuntimeError, ValueError) as error:
        lines = str(error).strip().splitlines() or [""]
        if TOO_LONG in str(error):
            raise ViperError(f"vLLM: {lines[0]}: raise {section}.max_length ({settings.max_length})") from error
        if NO_START in str(error) or any(words in str(error) for words in NO_MEMORY):
            raise ViperError(
                f"vLLM did not start: {lines[0]} It was given {section}.gpu_share {settings.gpu_share} of the GPU, and "
                f"has to hold a sequence of max_length {settings.max_length or 'the model'}: raise gpu_share where all "
                "else on the GPU leaves room, lower it where too little is free, or lower max_length"
            ) from error
        raise


def check_room(section: str, settings: Vllm, prompts: list[list[int]], completion: int) -> None:
    """Refuse prompts that leave less than `completion` tokens: vLLM would cut the answers without a word.

    Args:
        section: where `settings` stand.
        prompts: token ids, image placeholders expanded.

    Raises:
        ViperError: the length of the longest prompt, and the parameters to change.
    """
    longest = max(map(len, prompts), default=0)
    if settings.max_length is not None and longest + completion > settings.max_length:
        raise ViperError(
            f"{section}.max_length {settings.max_length}: the longest prompt has {longest} tokens, and its completion "
            f"up to {completion}: raise it to {longest + completion}, or let pictures or completions have fewer tokens"
        )


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

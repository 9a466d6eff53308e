"""The four small interfaces that the steps of the loop know. Importing them loads no library of models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from PIL.Image import Image

from viper.errors import ViperError

if TYPE_CHECKING:
    import torch


Size = tuple[int, int]  # width and height, in pixels


class Chat(NamedTuple):
    """One question: its images, in the order the text speaks of them, and the text, without placeholders.

    `begin` is what the answer is made to begin with; it is part of the completion.
    """

    images: list[Image]
    text: str
    begin: str = ""


class VLM(Protocol):
    """A vision-language model that answers chats."""

    def answer(
        self, chats: list[Chat], *, max_new_tokens: int, temperature: float = 0.0, seeds: Sequence[int] = ()
    ) -> list[str]:
        """Return one completion per chat, in order.

        Temperature 0 is greedy and needs no seeds. Otherwise each chat's tokens are drawn with random numbers of its
        own seed: its completion depends neither on its batch nor on the other chats.
        """
        ...


class Painter(Protocol):
    """Text to image."""

    def paint(self, prompts: list[str], *, seeds: list[int], shapes: Sequence[Size] = ()) -> list[Image]:
        """Return one RGB picture per prompt, each from noise of its own seed.

        Args:
            shapes: (width, height) of the picture that each prompt describes, for painters that follow its aspect
                ratio; none: of no shape in particular.
        """
        ...


class Editor(Protocol):
    """Image and instruction to image."""

    def edit(self, images: list[Image], instructions: list[str], *, seeds: list[int]) -> list[Image]:
        """Return one edited RGB picture, of its original's size, an instruction, each from noise of its own seed."""
        ...


class Embedder(Protocol):
    """Sentences to vectors."""

    def embed(self, sentences: list[str]) -> np.ndarray:
        """Return unit vectors, (n, d) float32: the dot product of two is their cosine similarity."""
        ...


def check_seeds(chats: Sequence[Chat], temperature: float, seeds: Sequence[int]) -> None:
    """Hold a call of `VLM.answer` to one seed per chat, where any are needed.

    Raises:
        ValueError: there are more or fewer.
    """
    if len(seeds) != len(chats) and (seeds or temperature > 0):
        raise ValueError(f"{len(chats)} chats, but {len(seeds)} seeds: drawing tokens takes one seed per chat")


def is_flat(image: Image) -> bool:
    """Whether a picture has one flat color, as not-a-number in a denoiser comes out."""
    return all(low == high for low, high in image.convert("RGB").getextrema())


def count_gpus() -> int:
    """How many GPUs this process may use, asked without initializing CUDA, which would not survive a fork.

    `torch.cuda.is_available` initializes it, unless a variable is set before torch asks for the first time.
    """
    import torch

    return torch.cuda.device_count()


def pick_device(name: str) -> str:
    """The torch device that `name` stands for; 'auto' is the first GPU, or the CPU where there is none.

    Raises:
        ViperError: a GPU is asked for that is not there.
    """
    import torch

    if name == "auto":
        return "cuda" if count_gpus() else "cpu"
    number = int(name.partition(":")[2] or 0) if name.startswith("cuda") else None
    if number is not None and number >= count_gpus():
        built = "" if torch.version.cuda else " (this torch is built without CUDA: see envs/cuda.txt)"
        raise ViperError(
            f"device {name!r} is asked for, but this machine shows {count_gpus()} GPUs{built}: ask the "
            "job for one (models.*.job.gpu), or set the device to cpu or auto"
        )
    return name


def pick_dtype(name: str, device: str) -> "torch.dtype":
    """The torch dtype that `name` stands for on `device`.

    'auto' is bfloat16 on a GPU and float32 on a CPU, where half precision is slow and some operators lack it, whatever
    precision the weights are stored in.
    """
    import torch

    if name == "auto":
        name = "bfloat16" if device.startswith("cuda") else "float32"
    return getattr(torch, name)

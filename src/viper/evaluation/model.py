"""A checkpoint as VLMEvalKit's kind of model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmeval.vlm.base import BaseModel

from viper.completion import is_well_formed
from viper.config.evaluation import Asking
from viper.models.base import VLM, Chat
from viper.pictures import read_picture

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset

Key = tuple[tuple[str, str], ...]


class Checkpoint(BaseModel):
    """Answers VLMEvalKit's messages through the project's VLM interface.

    VLMEvalKit asks for one item at a time; `answer_ahead` answers a whole data set in batches first, and
    `generate_inner` then only looks the answers up. Greedy decoding makes both the same.

    Answers are whole completions, reasoning and tags included; what they say is read before they are scored.

    Args:
        vlm: the model.
        asking: how it is asked.
    """

    INTERLEAVE = True  # several images in one message

    def __init__(self, vlm: VLM, asking: Asking):
        super().__init__()
        self._vlm, self._asking = vlm, asking
        self._completions: dict[Key, str] = {}

    def answer_ahead(self, dataset: "ImageBaseDataset", own: Sequence[str] = ()) -> list[str]:
        """Answer every item of a data set; return the raw completions, in its order.

        Args:
            own: what the model answered by itself, item by item; empty: not known. What begins of itself as it is asked
                to begin, and came to its end, is not asked again: greedy decoding would say the same.
        """
        messages = [dataset.build_prompt(dataset.data.iloc[number]) for number in range(len(dataset))]
        raw = list(own) or [""] * len(messages)
        to_ask = [number for number, said in enumerate(raw) if not _is_as_asked(said, self._asking.begin)]
        for start in range(0, len(to_ask), self._asking.batch_ahead):
            numbers = to_ask[start : start + self._asking.batch_ahead]
            completions = self._complete([messages[number] for number in numbers])
            for number, said in zip(numbers, completions, strict=True):
                raw[number] = said
        self._completions |= dict(zip(map(_key, messages), raw, strict=True))
        return raw

    def preproc_content(self, inputs: list[dict]) -> list[dict]:
        """The message as it is: VLMEvalKit's own would take a text for a file or an address, and fetch that."""
        return inputs

    def generate_inner(self, message: list[dict], dataset: str | None = None) -> str:
        """The completion of one message."""
        completion = self._completions.get(_key(message))
        if completion is None:
            (completion,) = self._complete([message])
        return completion

    def _complete(self, messages: list[list[dict]]) -> list[str]:
        chats = [_chat(message, self._asking) for message in messages]
        return [_as_text(said) for said in self._vlm.answer(chats, max_new_tokens=self._asking.max_new_tokens)]


def _is_as_asked(said: str, begin: str) -> bool:
    return bool(begin) and said.startswith(begin) and is_well_formed(said)


def _key(message: list[dict]) -> Key:
    return tuple((part["type"], part["value"]) for part in message)


def _as_text(completion: str) -> str:
    """The completion with halves of surrogate pairs, which no file of text can hold, as U+FFFD."""
    return completion.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _chat(message: list[dict], asking: Asking) -> Chat:
    """Images in order, then the texts."""
    images = [read_picture(part["value"]) for part in message if part["type"] == "image"]
    text = "\n".join(part["value"] for part in message if part["type"] == "text")
    return Chat(images, text + asking.instruction, asking.begin)

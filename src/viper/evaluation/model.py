"""A checkpoint as VLMEvalKit's kind of model."""

from typing import TYPE_CHECKING

from vlmeval.vlm.base import BaseModel

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

    def answer_ahead(self, dataset: "ImageBaseDataset") -> list[str]:
        """Answer every item of a data set; return the raw completions, in its order."""
        raw = []
        for start in range(0, len(dataset), self._asking.batch_ahead):
            stop = min(start + self._asking.batch_ahead, len(dataset))
            messages = [dataset.build_prompt(dataset.data.iloc[number]) for number in range(start, stop)]
            completions = self._complete(messages)
            self._completions |= dict(zip(map(_key, messages), completions, strict=True))
            raw += completions
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

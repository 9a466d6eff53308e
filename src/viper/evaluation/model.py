"""A checkpoint as VLMEvalKit's kind of model."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tqdm import tqdm
from vlmeval.vlm.base import BaseModel

from viper.completion import is_well_formed
from viper.config.evaluation import Asking
from viper.evaluation.benchmark_tables import MOST_PIXELS
from viper.evaluation.kept_answers import KeptAnswers
from viper.models.base import VLM, Chat
from viper.pictures import read_picture

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset

Key = tuple[tuple[str, str], ...]
_READERS = 4  # threads that decode pictures, while the model answers


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

    def answer_ahead(
        self, dataset: "ImageBaseDataset", own: Sequence[str] = (), kept: KeptAnswers | None = None
    ) -> list[str]:
        """Answer every item of a data set; return the raw completions, in its order.

        Args:
            own: what the model answered by itself, item by item; empty: not known. What begins of itself as it is asked
                to begin, and came to its end, is not asked again: greedy decoding would say the same.
            kept: where answers are kept batch by batch, and those of an interrupted evaluation are found.
        """
        messages = [dataset.build_prompt(dataset.data.iloc[number]) for number in range(len(dataset))]
        raw = dict(enumerate(own or [""] * len(messages)))
        to_ask = [number for number, said in raw.items() if not _is_as_asked(said, self._asking.begin)]
        if kept is not None:
            raw |= kept.found
            to_ask = [number for number in to_ask if number not in kept.found]
        with tqdm(total=len(to_ask), desc=dataset.dataset_name, unit="item", mininterval=2) as bar:
            for numbers, chats in self._batches(to_ask, messages):
                answers = list(zip(numbers, self._complete(chats), strict=True))
                if kept is not None:
                    kept.add(answers)
                raw |= dict(answers)
                bar.update(len(answers))
        completions = [raw[number] for number in range(len(messages))]
        self._completions |= dict(zip(map(_key, messages), completions, strict=True))
        return completions

    def _batches(self, numbers: list[int], messages: list[list[dict]]) -> Iterator[tuple[list[int], list[Chat]]]:
        """The messages of these numbers as chats, a batch at a time; the next one's pictures are decoded meanwhile."""
        size = self._asking.batch_ahead
        batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        with ThreadPoolExecutor(_READERS) as readers:

            def begin(batch: list[int]) -> Iterator[Chat]:
                return readers.map(lambda number: _chat(messages[number], self._asking), batch)

            ahead = begin(batches[0]) if batches else iter(())
            for place, batch in enumerate(batches):
                chats = list(ahead)
                ahead = begin(batches[place + 1]) if place + 1 < len(batches) else iter(())
                yield batch, chats

    def preproc_content(self, inputs: list[dict]) -> list[dict]:
        """The message as it is: VLMEvalKit's own would take a text for a file or an address, and fetch that."""
        return inputs

    def generate_inner(self, message: list[dict], dataset: str | None = None) -> str:
        """The completion of one message."""
        completion = self._completions.get(_key(message))
        if completion is None:
            (completion,) = self._complete([_chat(message, self._asking)])
        return completion

    def _complete(self, chats: list[Chat]) -> list[str]:
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
    images = [read_picture(part["value"], most_pixels=MOST_PIXELS) for part in message if part["type"] == "image"]
    text = "\n".join(part["value"] for part in message if part["type"] == "text")
    return Chat(images, text + asking.instruction, asking.begin)

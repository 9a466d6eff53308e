"""What the VLM answers in a step of the loop: asked, read as the scale reads answers, and asked once more.

A base model may not keep to the format. `synthesis.answers` says whether an answer without it counts, what answers are
made to begin with, and whether a chat is asked again whose answer cannot be read.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from viper import completion
from viper.config.synthesis import Answering, Answers
from viper.models.base import VLM, Chat
from viper.synthesis.rows import Row, row_seed

_log = logging.getLogger(__name__)

BROKEN = "broken format"


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        completion: as it came.
        text: what it says; '' where it cannot be read.
        asking: '' or ' again': which asking it is of. With it behind the step's name, `row_seed` gives its seed.
    """

    completion: str
    text: str
    asking: str = ""


def ask(
    vlm: VLM, chats: Sequence[Chat], answering: Answering, answers: Answers, *, seed: int, step: str, rows: list[Row]
) -> list[Answer]:
    """An answer to each chat, one a row; no chats ask nothing.

    Args:
        answering: how the model answers in this step.
        answers: how answers are read.
        seed: of the run; with `step` and each row's id it gives the seed of the row's random numbers.
    """
    found = _ask_once(vlm, chats, answering, answers.begin, answers, seed=seed, step=step, rows=rows)
    unread = [place for place, answer in enumerate(found) if not answer.text] if answers.again else []
    if unread:
        warmer = answering.model_copy(update={"temperature": answers.again.temperature})
        new = _ask_once(
            vlm,
            [chats[place] for place in unread],
            warmer,
            answers.again.begin,
            answers,
            seed=seed,
            step=step,
            rows=[rows[place] for place in unread],
            asking=" again",
        )
        for place, answer in zip(unread, new, strict=True):
            found[place] = answer
    if found:
        counts = Counter(completion.form(answer.completion) for answer in found)
        told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        lost = sum(not answer.text for answer in found)
        _log.info("%s: %s; %d asked again, %d cannot be read", step, told, len(unread), lost)
    return found


def _ask_once(
    vlm: VLM,
    chats: Sequence[Chat],
    answering: Answering,
    begin: str,
    answers: Answers,
    *,
    seed: int,
    step: str,
    rows: list[Row],
    asking: str = "",
) -> list[Answer]:
    if not chats:
        return []
    said = vlm.answer(
        [chat._replace(begin=begin) for chat in chats],
        max_new_tokens=answering.max_new_tokens,
        temperature=answering.temperature,
        seeds=[row_seed(seed, f"{step}{asking}", row["id"]) for row in rows],
    )
    return [Answer(each, read(each, answers), asking) for each in said]


def read(said: str, answers: Answers) -> str:
    """What a completion says, by the scale's reading; '' where it cannot be read."""
    return completion.answer_text(said) if answers.accept == "format" else completion.statement_text(said)


def failure_of(answer: Answer, answers: Answers) -> str:
    """Why an answer cannot be used; '' where it can."""
    if answer.text:
        return ""
    return BROKEN if answers.accept == "format" else f"unreadable ({completion.form(answer.completion)})"

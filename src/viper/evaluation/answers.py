"""From a model's completion to the answer that VLMEvalKit may see.

VLMEvalKit's extraction reads tags and reasoning as part of the answer and is easily misled by them (tests show how), so
a completion is reduced to its answer before it is handed over. Everything else of the scoring is VLMEvalKit's.
"""

import re
from typing import Literal

# VLMEvalKit's own sign for "none of the options". An empty prediction would count as A in MME-RealWorld and stop CRPE.
NO_ANSWER = "Z"

Kind = Literal["choice", "yes/no", "text"]

# "(B)", "B.", "B: red", "B because ..." at the beginning. An "A" before any other word is taken for the article.
_LEADING_LETTER = re.compile(r"\(?([A-E])(?:\)|[.:,;](?=\s|$)|\s*$|(?<!A)(?=\s)|(?=\s(?:because|since)\b))")
_CLOSING_LETTER = re.compile(r"(?:^|[\s(])([A-E])\)?[.!]?\s*$")


def final_answer(completion: str) -> str:
    """The text inside <answer>; without that tag, what follows the reasoning; `NO_ANSWER` where nothing is left.

    An <answer> or <think> that is never closed (the completion was cut off) reaches to the end.
    """
    if "<answer>" in completion:
        answer = completion.rpartition("<answer>")[2].partition("</answer>")[0]
    else:
        answer = re.sub(r"<think>.*?(</think>|$)", "", completion, flags=re.DOTALL).rpartition("</think>")[2]
    return re.sub(r"</?(think|answer)>", "", answer).strip() or NO_ANSWER


def choice_letter(answer: str) -> str | None:
    """The option letter that an answer begins or ends with; None if neither, or if the two disagree."""
    found = [match[1] for match in (_LEADING_LETTER.match(answer), _CLOSING_LETTER.search(answer)) if match]
    return found[0] if len(set(found)) == 1 else None


def yes_or_no(answer: str) -> str | None:
    """'Yes' or 'No' where the answer begins with that word; None otherwise."""
    match = re.match(r"(yes|no)\b", answer, re.IGNORECASE)
    return match[1].capitalize() if match else None


def reduce(completion: str, kind: Kind) -> str:
    """The answer of a completion, reduced to its letter or its yes/no where it plainly starts or ends with one."""
    answer = final_answer(completion)
    if kind == "choice":
        return choice_letter(answer) or answer
    if kind == "yes/no":
        return yes_or_no(answer) or answer
    return answer

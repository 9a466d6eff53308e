"""What a completion looks like, `<think> reasoning </think><answer> answer </answer>`: written and read here alone.

A completion that is trained on must have the format (`is_well_formed`, `answer_text`). One that is evaluated is read as
far as it can be (`final_text`, `answer_span`, `reasoning`): a model that was never taught the format is asked the same
questions. So is one that becomes data, where the scale wants that (`statement_text`).
"""

import re

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_THINK, _THINK_END, _ANSWER, _ANSWER_END = TAGS

_WELL_FORMED = re.compile(r"\s*<think>.*</think>\s*<answer>(?P<answer>.*)</answer>\s*", re.DOTALL)
_ELEMENT = re.compile(r"<answer>(?P<answer>.*)</answer>", re.DOTALL)
_REASONING = re.compile(r"<think>(.*?)(?:</think>|$)", re.DOTALL)
_TAG = re.compile(r"</?(think|answer)>")
_PREAMBLE = re.compile(r"\A[^\n]*:[*_ ]*\n+")  # "Here is the description:"
_LAST_END = re.compile(r".*(?:[.!?][\"'”’)\]*_]*(?=\s|\Z)|\n)", re.DOTALL)


def write(reasoning: str, answer: str) -> str:
    """A completion of this reasoning and this answer."""
    return f"{_THINK} {reasoning} {_THINK_END}{_ANSWER} {answer} {_ANSWER_END}"


def with_reasoning(completion: str, reasoning: str) -> str:
    """A completion that `write` wrote, with other reasoning before the same answer."""
    return f"{_THINK} {reasoning} {_THINK_END}{completion.split(f' {_THINK_END}', 1)[1]}"


def is_well_formed(text: str) -> bool:
    """True for `<think>…</think><answer>…</answer>`: each tag once, in order, an answer that is not blank, and nothing
    but white space outside (docs/paper.md: "reasoning, then answer")."""
    if any(text.count(tag) != 1 for tag in TAGS):
        return False
    match = _WELL_FORMED.fullmatch(text)
    return match is not None and bool(match["answer"].strip())


def find_answer(text: str) -> str | None:
    """The inside of the one `<answer>` element; None if there is none, or more than one tag of a sort."""
    if text.count(_ANSWER) != 1 or text.count(_ANSWER_END) != 1:
        return None
    match = _ELEMENT.search(text)
    return match["answer"] if match else None


def answer_text(completion: str) -> str:
    """The content of `<answer>`, stripped; '' where the format is broken (`is_well_formed`)."""
    return (find_answer(completion) or "").strip() if is_well_formed(completion) else ""


def final_text(completion: str) -> str:
    """The last answer, stripped and without tags; without `<answer>`, what follows the reasoning. '' where nothing is.

    An `<answer>` or `<think>` that is never closed (the completion was cut off) reaches to the end.
    """
    if _ANSWER in completion:
        begin, end = answer_span(completion)
        text = completion[begin:end]
    else:
        text = _REASONING.sub("", completion).rpartition(_THINK_END)[2]
    return _TAG.sub("", text).strip()


def statement_text(completion: str) -> str:
    """What a completion states, whether or not it keeps to the format: `answer_text` where it does.

    Otherwise `final_text`; and unless a tag closes it, without a first line that ends in a colon, and only up to the
    end of its last whole sentence or line: the rest may have been cut off. '' where nothing is left.
    """
    text = final_text(completion)
    if _ANSWER_END in completion.rpartition(_ANSWER)[2]:
        return text
    whole = _LAST_END.match(_PREAMBLE.sub("", text))
    return whole[0].strip() if whole else ""


def form(completion: str) -> str:
    """How a completion keeps to the format, in words: what answers are counted by."""
    if is_well_formed(completion):
        return "as asked"
    if not completion.strip():
        return "blank"
    if not any(tag in completion for tag in TAGS):
        return "no tags"
    if _ANSWER in completion:
        return "other tags" if _ANSWER_END in completion.rpartition(_ANSWER)[2] else "an answer that is not closed"
    return "no <answer>" if _THINK_END in completion else "reasoning that is not closed"


def answer_span(completion: str) -> tuple[int, int] | None:
    """From which character to which the last answer goes, blanks included; None without `<answer>`."""
    _, tag, rest = completion.rpartition(_ANSWER)
    if not tag:
        return None
    begin = len(completion) - len(rest)
    return begin, begin + len(rest.partition(_ANSWER_END)[0])


def reasoning(completion: str) -> str:
    """All text inside `<think>`; one that is never closed (cut off) reaches to the end. '' where there is none."""
    return " ".join(_REASONING.findall(completion)).strip()

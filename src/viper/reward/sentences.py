"""From a model's output to its answer, and from the answer to its sentences."""

import re
from functools import cache

import pysbd

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_WELL_FORMED = re.compile(r"\s*<think>.*</think>\s*<answer>(?P<answer>.*)</answer>\s*", re.DOTALL)
_ANSWER = re.compile(r"<answer>(?P<answer>.*)</answer>", re.DOTALL)

_NUMBER_MARKER = r"\(?\d{1,3}[.)]"
_LIST_MARKER = re.compile(rf"(?:[-*+•–—]|{_NUMBER_MARKER}|\(?[A-Za-z]\))\s+")
_ONLY_MARKER = re.compile(rf"(?:[-*+•–—]|{_NUMBER_MARKER})")

# pysbd takes every lone capital for an initial ("J. Smith") and would join "… to letter K. The color …". A name never
# goes on with one of these words.
_AFTER_LONE_CAPITAL = re.compile(
    r"(?<=\s[A-Z]\.)\s+(?=(?:The|A|An|This|That|These|Those|There|It|Its|In|On|At|No|Nothing|One|Two|Another|Both)\s)"
)


@cache
def _segmenter() -> pysbd.Segmenter:
    # pysbd (MIT): rules only, so nothing is downloaded and the same text always gives the same sentences. It passes the
    # Golden Rules for abbreviations, decimals and lists, where a learned splitter (nltk's punkt, spaCy) needs a model.
    return pysbd.Segmenter(language="en", clean=False)


def clean(text: str) -> str:
    """`text` without invisible characters (zero-width, control, lone surrogates): they would count as length."""
    return "".join(character for character in text if character.isprintable() or character.isspace())


def is_well_formed(text: str) -> bool:
    """True for `<think>…</think><answer>…</answer>`: each tag once, in order, an answer that is not blank, and nothing
    but white space outside (docs/paper.md: "reasoning, then answer")."""
    if any(text.count(tag) != 1 for tag in _TAGS):
        return False
    match = _WELL_FORMED.fullmatch(text)
    return match is not None and bool(match["answer"].strip())


def find_answer(text: str) -> str | None:
    """The inside of the one `<answer>` element; None if there is none, or more than one tag of a sort."""
    if text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return None
    match = _ANSWER.search(text)
    return match["answer"] if match else None


def normalize(sentence: str) -> str:
    """A sentence as it is embedded and measured: no list marker, no invisible characters, single spaces.

    "2.  The star  is gone." → "The star is gone."
    """
    sentence = " ".join(clean(sentence).split())
    return _LIST_MARKER.sub("", sentence, count=1) if _LIST_MARKER.match(sentence) else sentence


def _segments(text: str) -> list[str]:
    """pysbd's segments, and every stretch that it lost: it drops text around some symbols, which would go free."""
    pieces, end = [], 0
    for segment in map(str.strip, _segmenter().segment(text)):
        start = text.find(segment, end)
        if not segment or start < 0:
            continue
        pieces += [text[end:start], segment]
        end = start + len(segment)
    return [piece.strip() for piece in [*pieces, text[end:]] if piece.strip()]


def split_sentences(text: str) -> list[str]:
    """Sentences of an answer, normalized, in order; none for a blank text.

    Abbreviations, decimals and initials do not end a sentence; a new line and a list item do. Every visible character
    of `text` is in some sentence, list markers apart.
    """
    pieces = [part for piece in _segments(clean(text)) for part in _AFTER_LONE_CAPITAL.split(piece)]
    # "… digit 4. 2. A star …" leaves a marker on its own, which belongs to what follows. A last one is an answer: "4."
    kept = [piece for piece in pieces[:-1] if not _ONLY_MARKER.fullmatch(piece)] + pieces[-1:]
    return [sentence for sentence in map(normalize, kept) if sentence]

"""From an answer to its sentences, as they are scored."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from pysbd.lang.english import English
from pysbd.processor import Processor

_NUMBER_MARKER = r"\(?\d{1,3}[.)]"
_LIST_MARKER = re.compile(rf"(?:[-*+•–—]|{_NUMBER_MARKER}|\(?[A-Za-z]\))\s+")
_ONLY_MARKER = re.compile(rf"(?:[-*+•–—]|{_NUMBER_MARKER})")

# pysbd takes every lone capital for an initial ("J. Smith") and would join "… to letter K. The color …". A name never
# goes on with one of these words.
_AFTER_LONE_CAPITAL = re.compile(
    r"(?<=\s[A-Z]\.)\s+(?=(?:The|A|An|This|That|These|Those|There|It|Its|In|On|At|No|Nothing|One|Two|Another|Both)\s)"
)

# pysbd's work grows with the square of a text's length, and with the cube of its list markers, so it never sees more
# than this at a time. Answers of ordinary length fit in whole.
_WINDOW = 10_000  # characters
_MARKERS = 50
_ANY_MARKER = re.compile(
    r"\d(?:\.[\s)]|\)\s)|(?<![^\s(])(?:[a-z]\.|[a-z]\)|[ivx]{2,5}\))"
)  # what pysbd may take for one


# pysbd (MIT): rules only, so nothing is downloaded and the same text always gives the same sentences. It passes the
# Golden Rules for abbreviations, decimals and lists, where a learned splitter (nltk's punkt, spaCy) needs a model.
class _BoundedEnglish(English):
    """pysbd's English, with two patterns written so that no character can match in more than one way.

    A numbered reference behind a full stop ("… a cat.[1, 2-4] The dog …") took exponential time, a run of exclamation
    and question marks quadratic time. They match what the originals match, in the same groups. No possessive quantifier
    or atomic group: around a group that captures, Python before 3.11.5 matches them wrongly (python/cpython#106052).
    """

    NUMBERED_REFERENCE_REGEX = (
        r"(?<=[^\d\s])(\.|∯)"
        r"((\[(\d+(?:,?(?:\s?-\s?|\s\s?)|,))*\d{1,3}\])+|((\d{1,3}\s?)?\d{1,3}))(\s)(?=[A-Z])"
    )
    CONTINUOUS_PUNCTUATION_REGEX = r"(?:(?<=[^\s!?])|(?<=\s[!?])|(?<=^[!?]))[!?]{3,}(?=\s|$)"


def clean(text: str) -> str:
    """`text` without invisible characters (zero-width, control, lone surrogates): they would count as length."""
    return "".join(character for character in text if character.isprintable() or character.isspace())


def normalize(sentence: str) -> str:
    """A sentence as it is embedded and measured: no list marker, no invisible characters, single spaces.

    "2.  The star  is gone." → "The star is gone."
    """
    sentence = " ".join(clean(sentence).split())
    return _LIST_MARKER.sub("", sentence, count=1) if _LIST_MARKER.match(sentence) else sentence


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where pysbd's segments begin and end in `text`, and every stretch that it lost: it drops text around some
    symbols, which would go free."""
    end = 0
    for segment in map(str.strip, Processor(text, _BoundedEnglish).process()):
        start = text.find(segment, end)
        if not segment or start < 0:
            continue
        yield end, start
        end = start + len(segment)
        yield start, end
    yield end, len(text)


def _segments(text: str) -> Iterator[str]:
    """The segments of `text`, found window by window, in time that is linear in its length whatever it says.

    A window ends wherever it must, so its last segment is read again at the beginning of the next one, unless that is
    most of the window: then it is cut.
    """
    start = 0
    while start < len(text):
        end = _window_end(text, start)
        spans = [(start + first, start + last) for first, last in _spans(text[start:end])]
        spans = [span for span in spans if text[slice(*span)].strip()]
        if end < len(text) and spans and spans[-1][0] >= (start + end) // 2:
            end = spans.pop()[0]
        yield from (text[slice(*span)].strip() for span in spans)
        start = end


def _window_end(text: str, start: int) -> int:
    """The end of the window that begins at `start`."""
    end = min(start + _WINDOW, len(text))
    too_many = next(islice(_ANY_MARKER.finditer(text, start, end), _MARKERS, None), None)
    return too_many.start() if too_many else end


def split_sentences(text: str) -> list[str]:
    """Sentences of an answer, normalized, in order; none for a blank text.

    Abbreviations, decimals and initials do not end a sentence; a new line and a list item do. Every visible character
    of `text` is in some sentence, list markers apart.
    """
    return list(_split(text))


@lru_cache(maxsize=4096)  # the same answer is scored under several settings
def _split(text: str) -> tuple[str, ...]:
    pieces = [part for piece in _segments(clean(text)) for part in _AFTER_LONE_CAPITAL.split(piece)]
    # "… digit 4. 2. A star …" leaves a marker on its own, which belongs to what follows. A last one is an answer: "4."
    kept = [piece for piece in pieces[:-1] if not _ONLY_MARKER.fullmatch(piece)] + pieces[-1:]
    return tuple(sentence for sentence in map(normalize, kept) if sentence)

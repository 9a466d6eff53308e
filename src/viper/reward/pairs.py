"""Labelled pairs of sentences: the same meaning, or one thing wrong. What a threshold must tell apart."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viper.errors import ViperError
from viper.reward.sentences import normalize
from viper.world.grammar import refinements, statement
from viper.world.operations import OPERATION_TYPES, propose
from viper.world.scene import COLORS, COLS, GLYPHS, ROWS, SHADES, SHAPES, SIZES, TEXTURES, sample_scene


@dataclass(frozen=True)
class Pair:
    """Two sentences, whether they mean the same, and what sort of pair it is (such as 'color' for a wrong color)."""

    first: str
    second: str
    same: bool
    kind: str


# One word of a set replaced by another of the same set is one wrong attribute.
_WORDS = {
    "color": COLORS,
    "shape": SHAPES,
    "letter": tuple(glyph.split()[1] for glyph in GLYPHS if glyph.startswith("letter")),
    "digit": tuple(glyph.split()[1] for glyph in GLYPHS if glyph.startswith("digit")),
    "size": SIZES,
    "row": ROWS,
    "column": COLS,
    "shade": SHADES,
    "texture": TEXTURES,
    "number": ("one", "two", "three", "four", "five"),
}
_PHRASES = {
    "presence": (
        (" was added at ", " was removed from "),
        (" was removed from ", " was added at "),
        ("The caption misses a ", "The caption invents a "),
    )
}
# The two ends of a change in the wrong order: every word is right and the meaning is not.
_SWAPS = (
    (re.compile(r" from (?P<a>.+?) to (?P<b>.+?)(?= with |\.)"), r" from \g<b> to \g<a>"),
    (re.compile(r" is a (?P<a>.+) instead of a (?P<b>.+)\."), r" is a \g<b> instead of a \g<a>."),
    (re.compile(r" is (?P<a>\w+ and \w+) instead of (?P<b>\w+ and \w+)\."), r" is \g<b> instead of \g<a>."),
)
# One other way to say each sort of sentence. The first that matches is taken.
_PARAPHRASES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (
            r"The text at the (.+) was changed from (.+) to (.+)\.",
            r"At the \1, the text now reads \3 and no longer \2.",
        ),
        (
            r"The number of (.+) was changed from (.+) to (.+) with (.+)\.",
            r"There were \2 \1 and now there are \3, with \4.",
        ),
        (
            r"The (color|size|shape) of the (.+) was changed from (.+) to (.+)\.",
            r"The \2 changed its \1 from \3 to \4.",
        ),
        (r"A (.+) was moved from the (.+) to the (.+)\.", r"The \1 went from the \2 to the \3."),
        (r"A (.+) was added at the (.+)\.", r"There is a new \1 at the \2."),
        (r"A (.+) was removed from the (.+)\.", r"The \1 at the \2 is gone."),
        (r"The object at the (.+) is a (.+) instead of a (.+)\.", r"At the \1 there is a \2, not a \3."),
        (r"The caption misses a (.+)\.", r"A \1 is not mentioned in the caption."),
        (r"There is nothing at the (.+) instead of a (.+)\.", r"No \2 is at the \1, where nothing is."),
        (r"The background is (.+) instead of (.+)\.", r"It is not \2 but \1 in the background."),
    )
)


def draw_sentences(count: int, seed: int) -> list[str]:
    """`count` distinct refinements and operation statements of random scenes of the micro world, half of each."""
    rng = np.random.default_rng(seed)
    sentences: dict[str, None] = {}
    while len(sentences) < count:
        scene = sample_scene(rng)
        operation = propose(rng, scene, OPERATION_TYPES[len(sentences) % len(OPERATION_TYPES)])
        drawn = [statement(operation)] if operation else []
        wrong = refinements(scene, sample_scene(rng))
        drawn += [wrong[int(rng.integers(len(wrong)))]] if wrong else []
        sentences.update(dict.fromkeys(drawn))
    return list(sentences)[:count]


def paraphrase(sentence: str) -> str | None:
    """The same said differently; None for a sentence outside the grammar."""
    for pattern, replacement in _PARAPHRASES:
        if pattern.fullmatch(sentence):
            return pattern.sub(replacement, sentence)
    return None


def errors(sentence: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """(kind of error, sentence with this one error), for each word that has an alternative and each change of order."""
    for kind, words in _WORDS.items():
        for match in re.finditer(rf"\b(?:{'|'.join(words)})\b", sentence):
            other = str(rng.choice([word for word in words if word != match[0]]))
            yield kind, sentence[: match.start()] + other + sentence[match.end() :]
    for kind, phrases in _PHRASES.items():
        for right, wrong in phrases:
            if right in sentence:
                yield kind, sentence.replace(right, wrong)
    for pattern, replacement in _SWAPS:
        if pattern.search(sentence):
            yield "order", pattern.sub(replacement, sentence)


def world_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs from `count` sentences of the micro world: each with itself, a paraphrase, and every single error."""
    rng = np.random.default_rng([seed, 1])
    pairs = []
    for sentence in draw_sentences(count, seed):
        pairs.append(Pair(sentence, sentence, True, "exact"))
        if other := paraphrase(sentence):
            pairs.append(Pair(sentence, other, True, "paraphrase"))
        pairs += [Pair(sentence, wrong, False, kind) for kind, wrong in errors(sentence, rng) if wrong != sentence]
    return pairs


def read_pairs(path: str | Path) -> list[Pair]:
    """Labelled pairs from a .csv or .jsonl with `first`, `second`, `same` (true or false, 1 or 0) and perhaps `kind`.

    Raises:
        ViperError: the file or a column is missing, or a row cannot be read; names the row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ViperError(f"{path}: labelled pairs cannot be read ({error})") from error
    labels = {"true": True, "1": True, "false": False, "0": False}
    pairs = []
    for number, row in _numbered_rows(path, text):
        try:
            first, second, same = (str(row[key]).strip() for key in ("first", "second", "same"))
        except (KeyError, TypeError) as error:
            raise ViperError(f"{path}, line {number}: a pair needs first, second and same") from error
        if not normalize(first) or not normalize(second) or same.lower() not in labels:
            raise ViperError(
                f"{path}, line {number}: a pair needs two sentences and same = true or false, found {same[:60]!r}"
            )
        same_meaning = labels[same.lower()]
        kind = str(row.get("kind") or ("same" if same_meaning else "different"))
        pairs.append(Pair(first, second, same_meaning, kind))
    return pairs


def _numbered_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a .csv or .jsonl, each with the number of the line that it ends on; blank lines are skipped."""
    if path.suffix == ".csv":
        table = csv.DictReader(io.StringIO(text, newline=""))
        try:
            yield from ((table.line_num, row) for row in table)
        except csv.Error as error:
            raise ViperError(f"{path}, line {table.line_num}: labelled pairs cannot be read ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ViperError(f"{path}, line {number}: labelled pairs cannot be read ({error})") from error

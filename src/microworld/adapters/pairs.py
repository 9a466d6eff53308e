"""Labelled pairs of sentences from the grammar: the same meaning, or one thing wrong."""

import re
from collections.abc import Iterator

import numpy as np

from microworld.grammar import WORDINGS, refinements, reword, statement
from microworld.operations import OPERATION_TYPES, propose
from microworld.scene import COLORS, COLS, GLYPHS, ROWS, SHADES, SHAPES, SIZES, TEXTURES, sample_scene
from viper.reward.pairs import Pair

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
# Ways to say each sort of sentence that no model of the world speaks. The first that matches is taken.
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
    """`count` distinct refinements and operation statements of random scenes, half of each, as the grammar has them."""
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


def other_wordings(sentence: str) -> Iterator[str]:
    """The same in the other wordings that the models of the world speak."""
    for first, *others in WORDINGS:
        if first in sentence:
            yield from (sentence.replace(first, other) for other in others)


def paraphrase(sentence: str) -> str | None:
    """The same said in a way that is not of the grammar; None for a sentence outside the grammar."""
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


def draw_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs from `count` sentences: each with itself, every other wording, a paraphrase, and every single error.

    The errors are worded at random, as what is rewarded in training is.
    """
    rng = np.random.default_rng([seed, 1])
    pairs = []
    for sentence in draw_sentences(count, seed):
        pairs.append(Pair(sentence, sentence, True, "exact"))
        pairs += [Pair(sentence, other, True, "wording") for other in other_wordings(sentence)]
        if other := paraphrase(sentence):
            pairs.append(Pair(sentence, other, True, "paraphrase"))
        pairs += [
            Pair(sentence, reword(rng, wrong), False, kind)
            for kind, wrong in errors(sentence, rng)
            if wrong != sentence
        ]
    return pairs

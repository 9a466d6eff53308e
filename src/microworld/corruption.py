"""Texts about drawn pictures with some of their facts wrong: what a careless painter or editor would have read."""

import re

import numpy as np

from microworld.scene import CELLS, COLORS, GLYPHS, SHADES, SHAPES, SIZES, TEXTURES, cell_name

# What may stand in one another's place: a wrong fact is of the same sort as the right one.
SORTS = (SHAPES, GLYPHS, COLORS, SIZES, tuple(map(cell_name, CELLS)), SHADES, TEXTURES)
_SORT_OF = {word: sort for sort in SORTS for word in sort}
_FACT = re.compile(rf"\b({'|'.join(sorted(_SORT_OF, key=len, reverse=True))})\b")


def facts(text: str) -> list[str]:
    """The words of a caption or an instruction that name a fact, in their order."""
    return _FACT.findall(text)


def corrupt(text: str, share: float, rng: np.random.Generator) -> str:
    """The same sentences with each fact, by itself, replaced with probability `share` by another one of its sort."""

    def told(match: re.Match) -> str:
        right = match[0]
        is_wrong, others = rng.random() < share, [word for word in _SORT_OF[right] if word != right]
        return others[int(rng.integers(len(others)))] if is_wrong else right

    return _FACT.sub(told, text)

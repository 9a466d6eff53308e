"""The words that a model reasons with more after training than before, sized by their z-score."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from PIL import ImageFont
from wordcloud import WordCloud

from viper.analysis.figures import style
from viper.plotting import Figure, font, plt

_WIDTH, _HEIGHT, _DPI = 3.4, 2.2, 300  # inches, and the raster on which places are found
_SHOWN, _LEAST_Z = 60, 1.96


def draw(words: pd.DataFrame, lineage: str, seed: int) -> Figure:
    """Draw the terms of `viper.analysis.words.compare` that were gained, at most _SHOWN.

    The package `wordcloud` finds the places; the words are then drawn as text, so that the figure is a vector graphic
    in the common style.
    """
    gained = words[words["z"] > _LEAST_Z].head(_SHOWN)
    if gained.empty:
        return _nothing(lineage)
    places = WordCloud(
        font_path=font("DejaVu Sans"),
        width=int(_WIDTH * _DPI),
        height=int(_HEIGHT * _DPI),
        prefer_horizontal=1.0,
        relative_scaling=0.5,
        max_font_size=int(0.16 * _HEIGHT * _DPI),
        margin=14,
        random_state=seed,
    )
    with _layout_of_pillow():
        places.generate_from_frequencies(dict(zip(gained["term"], gained["z"], strict=True)))
    figure, axes = plt.subplots(figsize=(_WIDTH, _HEIGHT))
    colors = {1: style.looks([lineage])[lineage].color, 2: "#D55E00"}
    length = dict(zip(gained["term"], gained["words"], strict=True))
    for (term, _), size, (top, left), _, _ in places.layout_:
        # The package measures boxes from the upper edge of the ink; text is drawn from its baseline.
        drawn = ImageFont.truetype(places.font_path, size, layout_engine=ImageFont.Layout.BASIC)
        ascent = -drawn.getbbox(term, anchor="ls")[1]
        # What a model wrote is text, never markup: a dollar sign would begin a formula.
        axes.text(
            left,
            top + ascent,
            term,
            fontsize=size * 72 / _DPI,
            color=colors[length[term]],
            va="baseline",
            parse_math=False,
        )
    axes.set(xlim=(0, _WIDTH * _DPI), ylim=(_HEIGHT * _DPI, 0))
    axes.axis("off")
    figure.get_layout_engine().set(w_pad=0, h_pad=0)
    return figure


@contextmanager
def _layout_of_pillow() -> Iterator[None]:
    """Let Pillow measure words by itself: with another library, where the machine has it, some are a pixel wider."""
    before, ImageFont.core.HAVE_RAQM = ImageFont.core.HAVE_RAQM, False
    try:
        yield
    finally:
        ImageFont.core.HAVE_RAQM = before


def _nothing(lineage: str) -> Figure:
    """A picture that says that there is nothing to show: that too is a result."""
    figure, axes = plt.subplots(figsize=(_WIDTH, _HEIGHT))
    text = f"no word that {lineage} uses more often\nthan chance would explain (z > {_LEAST_Z})"
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.axis("off")
    return figure


def caption(words: pd.DataFrame, before: str, after: str) -> str:
    """The figure's caption in reStructuredText, for the workflow report; no term, since a model wrote them."""
    gained = int((words["z"] > _LEAST_Z).sum())
    return (
        f"Words and pairs of words that ``{after}`` uses more than ``{before}`` in reasoning on the same questions, "
        "sized by the z-score of the log-odds with an informative Dirichlet prior; one color for single words, the "
        f"other for pairs. Of {len(words)} terms {gained} are gained (z > {_LEAST_Z}), at most {_SHOWN} are shown; "
        "their counts stand in the table.\n"
    )

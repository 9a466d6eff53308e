"""One turn of the loop in real pictures: seed image, caption, reconstruction, refinements, edit, operations."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from viper.errors import ViperError
from viper.synthesis.rows import Row, by_id, read_rows, unpack_image

_STEPS = ("captions", "reconstructions", "critiques", "operations", "edits")
_LINE, _MOST_LINES = 42, 12  # characters a line below a picture, and lines
CAPTION = (
    "One turn of the loop on {count} seed images, as the micro base models made it. From left to right: the seed image "
    "with the VLM's caption; the painter's picture of that caption, with the refinements that the VLM lists when it "
    "compares the two; the editor's picture, with the operation that it was told to carry out.\n"
)


def collect(synthesis: Path, seeds: Path, count: int) -> list[tuple[Row, ...]]:
    """The first `count` seed images of a shard that survived every step.

    Args:
        synthesis: folder of a lineage's steps; the shard is the one that `seeds` is named after.
        seeds: table of seed images.

    Returns:
        (seed image, caption, reconstruction, critique, operations, edit) an example.

    Raises:
        ViperError: there are fewer.
    """
    tables = [by_id(read_rows(synthesis / step / seeds.name)) for step in _STEPS]
    examples = []
    for row in read_rows(seeds):
        steps = [table.get(row["id"]) for table in tables]
        if all(step and not step["failure"] for step in steps) and steps[2]["refinements"]:
            examples.append((row, *steps))
        if len(examples) == count:
            return examples
    raise ViperError(
        f"{synthesis}: only {len(examples)} seed images of {seeds.name} got through all steps, {count} are shown: "
        "raise seeds.number, or look into the dropped rows of the data set"
    )


def draw(examples: Sequence[tuple[Row, ...]]) -> Figure:
    """The examples as rows of pictures with their texts."""
    figure, grid = plt.subplots(len(examples), 3, squeeze=False, figsize=(6.9, 2.5 * len(examples)))
    for axes, (seed, caption, painted, critique, operations, edit) in zip(grid, examples, strict=True):
        shown = (
            (seed, "seed image", [caption["caption"]]),
            (painted, "reconstruction", critique["refinements"]),
            (edit, "edit", operations["statements"]),
        )
        for panel, (row, title, lines) in zip(axes, shown, strict=True):
            panel.imshow(unpack_image(row["image"]), interpolation="nearest")
            panel.set_title(title)
            # What a model wrote is text, never markup: a dollar sign would begin a formula.
            place = {"transform": panel.transAxes, "ha": "center", "va": "top", "parse_math": False}
            panel.text(0.5, -0.04, _wrapped(lines), fontsize=5.5, **place)
            panel.axis("off")
    return figure


def _wrapped(sentences: Sequence[str]) -> str:
    """The sentences in short lines; a text that would push the pictures aside is cut off."""
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, _LINE)]
    return "\n".join(lines[:_MOST_LINES]) + (" …" if len(lines) > _MOST_LINES else "")

"""One turn of the loop in real pictures: seed image, caption, reconstruction, refinements, edit, operations."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from viper.errors import ViperError
from viper.plotting import Figure, plt
from viper.synthesis.rows import IMAGE, TEXT, TEXTS, Row, by_id, unpack_image, write_rows
from viper.synthesis.tables import read_step

_STEPS = ("captions", "reconstructions", "critiques", "operations", "edits")
_LINE, _MOST_LINES = 42, 12  # characters per line below a picture, and lines
CAPTION = (
    "One turn of the loop on {count} seed images, as the micro base models made it. From left to right: the seed image "
    "with the VLM's caption; the painter's picture of that caption, with the refinements that the VLM lists when it "
    "compares the two; the editor's picture, with the operation that it was told to carry out.\n"
)


EXAMPLE = {
    "seed": IMAGE,
    "caption": TEXT,
    "reconstruction": IMAGE,
    "refinements": TEXTS,
    "edit": IMAGE,
    "operations": TEXTS,
}


def collect(images: Path, steps: Mapping[str, Path], count: int) -> list[Row]:
    """The first `count` seed images of a shard that survived every step, as rows with the columns of EXAMPLE.

    Args:
        images: table of seed images.
        steps: the table that each of _STEPS made of them.

    Raises:
        ViperError: there are fewer.
    """
    tables = [by_id(read_step(steps[step], step)) for step in _STEPS]
    examples = []
    for row in read_step(images, "images"):
        made = [table.get(row["id"]) for table in tables]
        if all(step and not step["failure"] for step in made) and made[2]["refinements"]:
            caption, painted, critique, operations, edit = made
            images = {"seed": row["image"], "reconstruction": painted["image"], "edit": edit["image"]}
            texts = {"caption": caption["caption"], "refinements": critique["refinements"]}
            examples.append(images | texts | {"operations": operations["statements"]})
        if len(examples) == count:
            return examples
    raise ViperError(
        f"{images}: only {len(examples)} seed images of it got through all steps, {count} are shown: "
        "raise images.number, or look into the dropped rows of the data set"
    )


def write_examples(path: Path, examples: Sequence[Row]) -> None:
    """Write the examples as a Parquet table: all that the figure is drawn from."""
    write_rows(path, examples, EXAMPLE)


def draw(examples: Sequence[Row]) -> Figure:
    """The examples as rows of pictures with their texts."""
    figure, grid = plt.subplots(len(examples), 3, squeeze=False, figsize=(6.9, 2.5 * len(examples)))
    for axes, example in zip(grid, examples, strict=True):
        shown = (
            ("seed", "seed image", [example["caption"]]),
            ("reconstruction", "reconstruction", example["refinements"]),
            ("edit", "edit", example["operations"]),
        )
        for panel, (image, title, lines) in zip(axes, shown, strict=True):
            panel.imshow(unpack_image(example[image]), interpolation="nearest")
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

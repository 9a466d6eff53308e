"""One turn of the loop in real pictures: seed image, caption, reconstruction, refinements, edit, operations."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from viper.digests import REMEDY
from viper.errors import ViperError
from viper.plotting import Figure, plt
from viper.reading import open_parquet
from viper.synthesis.rows import IMAGE, IMAGES, TEXT, TEXTS, Row, by_id, unpack_image, write_rows
from viper.synthesis.tables import read_step

_STEPS = ("captions", "reconstructions", "critiques", "operations", "edits")
_LINE, _MOST_LINES = 42, 12  # characters per line below a picture, and lines
CAPTION = (
    "One turn of the loop on {count} seed images, as the micro base models made it. From left to right: the seed image "
    "with the VLM's caption; the painter's picture of that caption, with {refinements}; {start}the editor's picture, "
    "with the operation that it was told to carry out.\n"
)
_REFINEMENTS = {
    "image": "the refinements that the VLM lists when it compares the two",
    "reconstruction": "another caption of the seed image and what it says otherwise, which is wrong of this picture",
}
_START = "the picture that the operation starts from, with what was added to it; "


EXAMPLE = {
    "seed": IMAGE,
    "caption": TEXT,
    "reconstruction": IMAGE,
    "criticized": TEXT,  # the caption that the refinements are of
    "picture": TEXT,  # that it is held to: the seed "image" or the "reconstruction"
    "refinements": TEXTS,
    "prepared": IMAGES,
    "preparation": TEXT,
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
            shown = {"seed": row["image"], "reconstruction": painted["image"], "edit": edit["image"]}
            of_caption = {"criticized": critique["caption"], "picture": critique["picture"]}
            start = {"prepared": edit["prepared"], "preparation": operations["preparation"]}
            texts = {"caption": caption["caption"], "refinements": critique["refinements"]}
            examples.append(shown | of_caption | start | texts | {"operations": operations["statements"]})
        if len(examples) == count:
            return examples
    raise ViperError(
        f"{images}: only {len(examples)} seed images of it got through all steps, {count} are shown: "
        "raise images.number, or look into the dropped rows of the data set"
    )


def write_examples(path: Path, examples: Sequence[Row]) -> None:
    """Write the examples as a Parquet table: all that the figure is drawn from."""
    write_rows(path, examples, EXAMPLE)


def read_examples(path: Path) -> list[Row]:
    """Read the table that `write_examples` wrote: at least one example, each with all that is drawn of it.

    Raises:
        ViperError: it is missing or damaged, lacks a column or holds something else in one, has an empty cell, or no
            row.
    """
    table = open_parquet(path, list(EXAMPLE))
    for name, wanted in EXAMPLE.items():
        if (found := table.schema.field(name).type) != wanted:
            raise ViperError(f"{path}: column {name} holds {found}, {wanted} is drawn. {REMEDY}")
        if table.column(name).null_count:
            raise ViperError(f"{path}: column {name} has empty cells. {REMEDY}")
    if not table.num_rows:
        raise ViperError(f"{path}: holds no rows. {REMEDY}")
    rows = table.to_pylist()
    if other := [row["picture"] for row in rows if row["picture"] not in _REFINEMENTS]:
        raise ViperError(f"{path}: picture is {other[0]!r}, none of {', '.join(_REFINEMENTS)}. {REMEDY}")
    return rows


def draw(examples: Sequence[Row]) -> Figure:
    """The examples as rows of pictures with their texts."""
    columns = 4 if any(example["prepared"] for example in examples) else 3
    figure, grid = plt.subplots(len(examples), columns, squeeze=False, figsize=(2.3 * columns, 2.5 * len(examples)))
    for axes, example in zip(grid, examples, strict=True):
        another = [f"“{example['criticized']}”"] if example["picture"] == "reconstruction" else []
        panels = [
            (example["seed"], "seed image", [example["caption"]]),
            (example["reconstruction"], "reconstruction", another + example["refinements"]),
            (example["edit"], "edit", example["operations"]),
        ]
        if columns == 4:
            start = example["prepared"][0] if example["prepared"] else example["seed"]
            panels.insert(2, (start, "start of the edit", [example["preparation"]]))
        for panel, (image, title, lines) in zip(axes, panels, strict=True):
            panel.imshow(unpack_image(image), interpolation="nearest")
            panel.set_title(title)
            # What a model wrote is text, never markup: a dollar sign would begin a formula.
            place = {"transform": panel.transAxes, "ha": "center", "va": "top", "parse_math": False}
            panel.text(0.5, -0.04, _wrapped(lines), fontsize=5.5, **place)
            panel.axis("off")
    return figure


def caption(examples: Sequence[Row]) -> str:
    """The figure's caption in reStructuredText, for the workflow report."""
    refinements = " or ".join(_REFINEMENTS[picture] for picture in dict.fromkeys(each["picture"] for each in examples))
    start = _START if any(example["prepared"] for example in examples) else ""
    return CAPTION.format(count=len(examples), refinements=refinements, start=start)


def _wrapped(sentences: Sequence[str]) -> str:
    """The sentences in short lines, not so many that they push the pictures aside: the longest one is cut off first,
    since a caption can be guessed from its beginning, and what has to change in it cannot."""
    parts = [textwrap.wrap(sentence, _LINE) for sentence in sentences]
    while sum(map(len, parts)) > _MOST_LINES:
        longest = max(parts, key=len)
        if len(longest) == 1:  # too many sentences to show any more of them
            return "\n".join(line for part in parts[: _MOST_LINES - 1] for line in part) + "\n…"
        longest[-2:] = [textwrap.wrap(longest[-2], _LINE - 2)[0] + " …"]  # between words
    return "\n".join(line for part in parts for line in part)

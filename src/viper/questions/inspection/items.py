"""What is looked at: some reconstructions, each with what every way of refining made of it, and the parts to judge.

A part of an item is one of its refinements, counted from 1, or `ELSE`: whether something else differs that none names.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from viper import layout
from viper.errors import ViperError
from viper.synthesis.assemble import Shards
from viper.synthesis.refinements import NOTHING
from viper.synthesis.rows import by_id, row_seed
from viper.synthesis.tables import read_step

ELSE = "else"
YES, NO, UNSURE = "yes", "no", "unsure"
COLUMNS = ["page", "seed", "lineage", "id", "part", "judgement"]  # of a file of judgements
KEY = COLUMNS[:-1]


@dataclass(frozen=True)
class Item:
    """A seed image with its reconstruction, and what one way of refining says of them.

    Attributes:
        seed, lineage, id: of the run, of the synthesis, of the image.
        image, reconstruction: PNG bytes.
        picture: that the caption is held to: the seed "image" or its "reconstruction".
        caption: that is held to it. refinements: what is said to be wrong of it.
    """

    seed: int
    lineage: str
    id: str
    image: bytes
    reconstruction: bytes
    picture: str
    caption: str
    refinements: tuple[str, ...]

    @property
    def parts(self) -> list[str]:
        """What is to be judged of it."""
        return [*(str(number) for number, _ in enumerate(self.refinements, start=1)), ELSE]


Runs = Mapping[tuple[str, int], Shards]  # lineage and seed → tables of images, reconstructions and critiques


def runs(tables: Sequence[str]) -> "Runs":
    """The tables of some syntheses, given as LINEAGE=PATH, by lineage and seed.

    Raises:
        ViperError: one is given otherwise, or its path does not say of which step and seed it is.
    """
    found: dict[tuple[str, int], dict[str, list[Path]]] = {}
    for given in tables:
        lineage, _, path = given.partition("=")
        try:
            step, seed = _step_of(path)
        except ValueError as error:
            raise ViperError(
                f"--table {given}: {error}: give LINEAGE=PATH, as the rules name files of data/"
            ) from error
        found.setdefault((lineage, seed), {}).setdefault(step, []).append(Path(path))
    return {run: Shards(steps) for run, steps in found.items()}


def _step_of(path: str) -> tuple[str, int]:
    """The step and seed of a table of the synthesis, or of the seed images."""
    kind, seed = layout.run_of(path)
    return (kind, seed) if kind == "images" else layout.step_of(path)[1:]


def draw(runs: Runs, pictures: int, seed: int) -> list[Item]:
    """Items of so many random reconstructions over all seeds of the run; each has an item of every lineage.

    Drawn from those that every lineage has a readable critique of, also one that finds nothing.

    Raises:
        ViperError: there are fewer; or a table cannot be read.
    """
    usable: dict[int, set[str]] = {}
    for (_, run), shards in runs.items():
        ids = {row["id"] for row in shards.rows("critiques", ["id", "failure"]) if row["failure"] in ("", NOTHING)}
        usable[run] = usable.get(run, ids) & ids
    known = sorted((run, row_id) for run, ids in usable.items() for row_id in ids)
    if len(known) < pictures:
        raise ViperError(
            f"{pictures} reconstructions are to be inspected, and {len(known)} can be: lower "
            "open_questions.inspection.pictures, or raise images.number"
        )
    drawn = sorted(known, key=lambda each: row_seed(seed, f"inspected of seed {each[0]}", each[1]))[:pictures]
    found = {}
    for (lineage, run), shards in runs.items():
        wanted = {row_id for of, row_id in drawn if of == run}
        found |= {(run, item.id, lineage): item for item in _items(shards, lineage, run, wanted)}
    return [found[run, row_id, lineage] for run, row_id in drawn for lineage in dict.fromkeys(name for name, _ in runs)]


def _items(shards: Shards, lineage: str, seed: int, wanted: set[str]) -> Iterator[Item]:
    columns = {
        "images": ["id", "image"],
        "reconstructions": ["id", "image"],
        "critiques": ["id", "picture", "caption", "refinements"],
    }
    for shard in range(shards.count):
        tables = {step: by_id(read_step(shards.path(step, shard), step, names)) for step, names in columns.items()}
        for row_id in sorted(wanted & tables["critiques"].keys()):
            critique = tables["critiques"][row_id]
            pictures = [tables[step][row_id]["image"]["bytes"] for step in ("images", "reconstructions")]
            refinements = tuple(critique["refinements"])
            yield Item(seed, lineage, row_id, *pictures, critique["picture"], critique["caption"], refinements)


def page_of(items: Sequence[Item]) -> str:
    """A name for what is looked at: judgements of one page cannot be held to those of another."""
    told = [repr((item.seed, item.lineage, item.id, item.caption, item.refinements)) for item in items]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]

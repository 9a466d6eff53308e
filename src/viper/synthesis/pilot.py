"""The loop on a few images before all else: how many rows will the data sets have?

The pilot's tables are made by the steps of the loop themselves, as one more shard. What they yield says how much the
whole will, with an interval, so that nobody waits for hundreds of GPU-hours to learn that there is too little.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from scipy.stats import beta

from viper.completion import form
from viper.config.synthesis import Synthesis
from viper.errors import ViperError
from viper.files import atomic_write
from viper.synthesis.assemble import NOT_DRAWN, Shards, csv_writer, fates
from viper.synthesis.rows import read_rows, write_rows
from viper.synthesis.schemas import SEED_IMAGES
from viper.synthesis.tables import read_step

_log = logging.getLogger(__name__)

# Columns of completions, by the table that holds them: in what form the VLM answered.
_COMPLETIONS = {
    "captions": ("completion",),
    "critiques": ("completion",),
    "refinements": ("completion", "entities_completion"),
}
# How the reason for a dropped row begins → what mends it.
_REMEDIES = {
    "captions: broken format": "synthesis.answers.accept: any reads answers without the format",
    "captions: unreadable": "synthesis.answers.begin or caption.max_new_tokens",
    "critiques: broken format": "synthesis.answers.accept: any reads answers without the format",
    "critiques: unreadable": "synthesis.answers.begin or critique.max_new_tokens",
    "critiques: flat": "models.painter: not-a-number in its denoiser looks like that",
    "critiques: nothing": "synthesis.caption.temperature: captions that are less right",
    "refinements: broken format": "synthesis.answers.accept: any reads answers without the format",
    "refinements: unreadable": "synthesis.answers.begin, refine.max_new_tokens or entities.max_new_tokens",
    "operations: no entities": "synthesis.prompts: the entities are not listed as the prompt asks",
    "operations: no entity that": "synthesis.opinions.least",
    "operations: no operation": "synthesis.operations.types",
    "edits: edit without": "models.editor.arguments (its steps and guidance), or synthesis.edit.min_change",
    "edits: edit all over": "models.editor.arguments (its guidance), or synthesis.edit.max_spread",
    "edits: edit destroyed": "models.editor.arguments (its guidance), or synthesis.edit.max_change",
}


def take_images(images: Path, out: Path, number: int) -> None:
    """Write the first `number` seed images of a shard, or all where there are fewer, as a table of their own.

    Raises:
        ViperError: the table is damaged, or empty.
    """
    rows = read_step(images, "images")[:number]
    if not rows:
        raise ViperError(f"{images}: no seed images to try the loop on: name photographs in images.paths")
    write_rows(out, rows, SEED_IMAGES.columns)


@dataclass(frozen=True)
class Yield:
    """What a pilot says of one data set.

    Attributes:
        name: 'csr' or 'vop'.
        tried: pilot images that were meant for it.
        usable: how many of them gave a row.
        images: seed images of the whole that are meant for it.
        held_out: usable rows that go to neither data set.
        wanted: rows that it must have.
        confidence: of the bounds, each on its side.
        reasons: why the others gave none, how many each.
    """

    name: str
    tried: int
    usable: int
    images: float
    held_out: int
    wanted: int
    confidence: float
    reasons: tuple[tuple[str, int], ...] = ()

    def rows(self, share: float) -> float:
        """Rows of the data set where this share of the images gives one."""
        return max(0.0, share * self.images - self.held_out)

    @property
    def share(self) -> float:
        """Of the pilot's images, those that gave a row."""
        return self.usable / self.tried if self.tried else 0.0

    @property
    def lowest(self) -> float:
        """The share that is surpassed with `confidence` (Clopper and Pearson, 1934)."""
        return float(beta.ppf(1 - self.confidence, self.usable, self.tried - self.usable + 1)) if self.usable else 0.0

    @property
    def highest(self) -> float:
        """The share that is not reached with `confidence`."""
        if self.usable == self.tried:
            return 1.0
        return float(beta.ppf(self.confidence, self.usable + 1, self.tried - self.usable))

    @property
    def is_short(self) -> bool:
        """Whether the data set cannot be filled, with `confidence`."""
        return self.rows(self.highest) < self.wanted

    @property
    def is_likely_short(self) -> bool:
        """Whether less is expected than wanted."""
        return self.rows(self.share) < self.wanted


def yields(pilot: Shards, options: Synthesis, *, number: int, seed: int) -> list[Yield]:
    """What the pilot says of both data sets.

    Args:
        pilot: its tables, one shard.
        number: seed images of the whole.

    Raises:
        ViperError: a table lacks rows or is another shard's.
    """
    pilot.check(seed=seed, vop_share=options.vop_share)
    csr, vop = fates(pilot)
    drawn = {row_id: fate for row_id, fate in vop.items() if not fate.endswith(NOT_DRAWN)}
    of_each = {"csr": (csr, number, options.csr_size), "vop": (drawn, number * options.vop_share, options.vop_size)}
    return [
        Yield(
            name,
            tried=len(found),
            usable=sum(not fate for fate in found.values()),
            images=images,
            held_out=options.vop_held_out,
            wanted=1 if options.allow_fewer else size,
            confidence=options.pilot.confidence,
            reasons=tuple(Counter(filter(None, found.values())).most_common()),
        )
        for name, (found, images, size) in of_each.items()
    ]


def forecast(pilot: Shards, images: Sequence[Path], out: Path, options: Synthesis, *, seed: int) -> None:
    """Write what the pilot says of both data sets: rows expected, why images give none, in what form the VLM answers.

    Args:
        images: the seed images of the whole, every shard.

    Raises:
        ViperError: a data set cannot be filled: by how much, and which parameters mend it. Nothing is written then.
    """
    number = sum(len(read_rows(path, ["id"])) for path in images)
    found = yields(pilot, options, number=number, seed=seed)
    short = [each for each in found if each.is_short]
    told = "\n".join(_told(each) for each in found)
    if short:
        raise ViperError(
            f"the data sets cannot be filled, by the pilot of {found[0].tried} images:\n{told}\n"
            + "\n".join(_remedy(each, number, options) for each in short)
        )
    for each in found:
        if each.is_likely_short:
            _log.warning("%s\n%s", _told(each), _remedy(each, number, options))
    _log.info("by the pilot of %d images:\n%s", found[0].tried, told)
    with atomic_write(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv_writer(file)
        table.writerow(["what", "name", "number", "of", "low", "high"])
        for each in found:
            bounds = (each.rows(share) for share in (each.lowest, each.highest))
            table.writerow(["rows", each.name, *map(round, (each.rows(each.share), each.wanted, *bounds))])
            table.writerow(["usable", each.name, each.usable, each.tried, "", ""])
            table.writerows(["dropped", f"{each.name} {why}", count, each.tried, "", ""] for why, count in each.reasons)
        table.writerows(["form", name, count, total, "", ""] for name, count, total in _forms(pilot))


def _told(each: Yield) -> str:
    low, high = (round(each.rows(share)) for share in (each.lowest, each.highest))
    dropped = ", ".join(f"{count} {why}" for why, count in each.reasons) or "none"
    return (
        f"{each.name.upper()}: {each.usable} of {each.tried} pilot images give a row, so "
        f"{round(each.rows(each.share))} ({low} to {high}) are to be expected, {each.wanted} wanted "
        f"(dropped: {dropped})"
    )


def _remedy(each: Yield, number: int, options: Synthesis) -> str:
    """What fills this data set: more images, and whatever most rows are lost by."""
    missing = each.wanted - round(each.rows(each.share))
    words = []
    if each.share:
        needed = ceil((each.wanted + each.held_out) / each.share / each.images * number * 1.05)
        where = "images.number; of photographs in folders images.more, once shards are finished"
        words.append(f"add about {needed - number} seed images to the {number} ({where})")
        if each.name == "vop" and options.vop_share < 1 and needed * options.vop_share / number <= 1:
            words.append(f"raise synthesis.vop_share to {ceil(100 * needed * options.vop_share / number) / 100:g}")
    words.append(f"lower synthesis.{each.name}_size")
    words += [] if options.allow_fewer else ["set synthesis.allow_fewer: true"]
    for why, count in each.reasons[:1]:
        mended = next((remedy for start, remedy in _REMEDIES.items() if why.startswith(start)), "")
        words += [f"mend what loses {count} of {each.tried}, '{why}' ({mended})"] if mended else []
    return f"{each.name.upper()} lacks about {missing} rows: {', or '.join(words)}"


def _forms(pilot: Shards) -> list[tuple[str, int, int]]:
    """Step and form of its answers, how many have it, and how many there are."""
    found = []
    for step, columns in _COMPLETIONS.items():
        rows = pilot.rows(step, list(columns))
        for column in columns:
            said = [row[column] for row in rows if row[column]]  # of what was not asked there is none
            name = "entities" if column == "entities_completion" else step
            found += [(f"{name}: {what}", count, len(said)) for what, count in sorted(Counter(map(form, said)).items())]
    return found

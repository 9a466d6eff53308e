"""From the shards of the steps to the two data sets, and the account of what was dropped.

Caption Self-Refining (CSR): an image and its caption; the truth is the refinements, the reasoning the critic's. Or the
reconstruction and another caption (`synthesis.critique.picture`); then the reasoning is that of this caption.
Visual-Operation Predicting (VOP): an image and its edited copy; the truth is the operations. The heuristics that make
them do not reason: the reasoning is that by which the model named the entities that they change. The image is the seed
image, or what was prepared of it (`synthesis.operations.premise`).

Where `synthesis.labels` is `truth`, the truth of drawn pictures stands in for the refinements, and only pairs whose
statements are all true are kept; where it is `shuffled`, every row has the ground truth of another.

Some VOP pairs are held out: their images are in no data set that anything is trained on.
"""

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viper import completion
from viper.config.synthesis import Synthesis
from viper.errors import ViperError
from viper.files import atomic_write
from viper.prompts import render
from viper.synthesis.labels import TrueLabels
from viper.synthesis.refinements import NOTHING
from viper.synthesis.rows import Row, by_id, row_seed, write_groups
from viper.synthesis.schemas import CSR_COLUMNS, SCHEMAS, VOP_COLUMNS
from viper.synthesis.tables import check_rows, read_step

log = logging.getLogger(__name__)

USED, SURPLUS, DUPLICATE, HELD_OUT = "used", "usable, not needed", "duplicate", "held out"
UNTRUE = "untrue statement"
NOT_DRAWN = "not drawn (vop_share)"


@dataclass(frozen=True)
class Shards:
    """The tables of the steps ('images', 'captions', …), those of each in the order of the shards.

    Raises:
        ViperError: one step has more tables than another.
    """

    tables: Mapping[str, Sequence[Path]]

    def __post_init__(self) -> None:
        numbers = {step: len(paths) for step, paths in self.tables.items()}
        if len(set(numbers.values())) != 1:
            told = ", ".join(f"{number} of {step}" for step, number in numbers.items())
            raise ViperError(f"tables of different numbers of shards: {told}: name every shard of every step, in order")

    @property
    def count(self) -> int:
        """The number of shards."""
        return len(next(iter(self.tables.values())))

    def path(self, step: str, shard: int) -> Path:
        """The table of one step and shard."""
        return self.tables[step][shard]

    def rows(self, step: str, columns: list[str]) -> list[Row]:
        """Some columns of all shards of a step, in order."""
        return [row for shard in range(self.count) for row in read_step(self.path(step, shard), step, columns)]

    def check(self, *, seed: int, vop_share: float) -> None:
        """Hold the tables of each shard to each other.

        Raises:
            ViperError: see `viper.synthesis.tables.check_rows`.
        """
        for shard in range(self.count):
            paths = {step: self.path(step, shard) for step in SCHEMAS if step in self.tables}
            light = {
                step: read_step(path, step, ["id"] if step == "images" else ["id", "failure"])
                for step, path in paths.items()
            }
            check_rows(light, paths, seed=seed, vop_share=vop_share)


def fates(shards: Shards, truth: TrueLabels | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """For each seed image: '' if it can serve as a CSR row (first) or a VOP row (second), otherwise the reason why not.

    A row that repeats an earlier one (same pixels, and same caption or same edit) is a duplicate.

    Args:
        truth: what labels should say; None where those of the loop are taken as they are.
    """
    light = ["id", "failure"]
    failures = {
        step: {row["id"]: row["failure"] for row in shards.rows(step, light)}
        for step in ("captions", "critiques", "refinements", "operations", "edits")
    }
    if truth:
        failures["critiques"] = {
            row_id: _by_truth(failure, truth.refinements[row_id]) for row_id, failure in failures["critiques"].items()
        }
        failures["edits"] = {
            row_id: failure or ("" if row_id in truth.pairs else UNTRUE)
            for row_id, failure in failures["edits"].items()
        }
    images = {row["id"]: _image_name(row) for row in shards.rows("images", ["id", "image.path"])}
    captions = {row["id"]: row["caption"] for row in shards.rows("critiques", ["id", "caption"])}
    edited = {row["id"]: _image_name(row) for row in shards.rows("edits", ["id", "image.path"])}
    csr, vop, seen = {}, {}, set()
    for row_id, image in images.items():
        for fate, steps, key in (
            (csr, ("captions", "critiques"), ("csr", image, captions.get(row_id))),
            (vop, ("captions", "refinements", "operations", "edits"), ("vop", image, edited.get(row_id))),
        ):
            reasons = ((step, failures[step].get(row_id, NOT_DRAWN)) for step in steps)
            fate[row_id] = next((f"{step}: {reason}" for step, reason in reasons if reason), "")
            if not fate[row_id] and key in seen:
                fate[row_id] = DUPLICATE
            seen.add(key)
    return csr, vop


def _by_truth(failure: str, refinements: list[str]) -> str:
    """Why a caption is no CSR row: whether there is something to change in it, the truth says instead of the critic."""
    if failure not in ("", NOTHING):
        return failure
    return "" if refinements else NOTHING


@dataclass(frozen=True)
class DataSets:
    """The files of both data sets: rows to train on, VOP pairs that are held out, and what was dropped, by reason."""

    csr: Path
    vop: Path
    held_out: Path
    dropped: Path


def assemble(
    shards: Shards, out: DataSets, options: Synthesis, *, lineage: str, seed: int, truth: TrueLabels | None = None
) -> None:
    """Choose, by `seed`, the wanted number of usable rows for each data set, and write all of `out`.

    Args:
        truth: what labels should say, where `labels` wants them so.

    Raises:
        ViperError: a table lacks rows or is another shard's; or too few usable rows: which parameters to change.
    """
    shards.check(seed=seed, vop_share=options.vop_share)
    csr, vop = fates(shards, truth)
    held_out = _hold_out(shards, csr, vop, options.vop_held_out, seed)
    usable = {name: [row_id for row_id, fate in fates.items() if not fate] for name, fates in _named(csr, vop)}
    sizes = _sizes(options, {name: len(ids) for name, ids in usable.items()}, csr, vop)
    chosen = {name: _choose(ids, sizes[name], row_seed(seed, f"assemble {name}", "")) for name, ids in usable.items()}
    refinements = truth.refinements if truth else _column(shards, "critiques", "refinements")
    statements = _column(shards, "operations", "statements")
    if options.labels == "shuffled":
        refinements = _exchanged(refinements, chosen["csr"], row_seed(seed, "shuffle csr", ""))
        statements |= _exchanged(statements, chosen["vop"], row_seed(seed, "shuffle vop", ""))
    write_groups(out.csr, _csr_rows(shards, chosen["csr"], options, lineage, seed, refinements), CSR_COLUMNS)
    for path, ids in ((out.vop, chosen["vop"]), (out.held_out, held_out)):
        write_groups(path, _vop_rows(shards, ids, options, lineage, seed, statements), VOP_COLUMNS)
    counts = {name: _account(fates, chosen[name]) for name, fates in _named(csr, vop)}
    with atomic_write(out.dropped) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv_writer(file)
        table.writerow(["dataset", "reason", "rows"])
        table.writerows([name, reason, number] for name, account in counts.items() for reason, number in account)


def csv_writer(file):
    """A CSV writer whose line ends are the same on every system."""
    return csv.writer(file, lineterminator="\n")


def _hold_out(shards: Shards, csr: dict[str, str], vop: dict[str, str], number: int, seed: int) -> set[str]:
    """Choose the pairs that are held out, and mark their images, wherever they occur, as unusable for training.

    Raises:
        ViperError: fewer usable pairs than are to be held out.
    """
    usable = [row_id for row_id, fate in vop.items() if not fate]
    if len(usable) < number:
        raise ViperError(
            f"too few usable rows: {len(usable)} VOP pairs, synthesis.vop_held_out {number} of them are to be held "
            "out: lower it, or raise images.number or synthesis.vop_share"
        )
    held_out = _choose(usable, number, row_seed(seed, "hold out", ""))
    images = {row["id"]: _image_name(row) for row in shards.rows("images", ["id", "image.path"])}
    shown = {images[row_id] for row_id in held_out}
    for fate in (csr, vop):
        fate.update({row_id: HELD_OUT for row_id, reason in fate.items() if not reason and images[row_id] in shown})
    return held_out


def _named(csr: dict[str, str], vop: dict[str, str]) -> tuple[tuple[str, dict[str, str]], ...]:
    return ("csr", csr), ("vop", vop)


def _image_name(row: Row) -> str:
    return row["image"]["path"]  # named by the content


def _sizes(options: Synthesis, available: dict[str, int], csr: dict[str, str], vop: dict[str, str]) -> dict[str, int]:
    """Rows a data set; with `allow_fewer` both shrink by the same factor, so that their proportion stays."""
    wanted = {"csr": options.csr_size, "vop": options.vop_size}
    factor = min(1.0, *(available[name] / wanted[name] for name in wanted))
    shrunk = {name: min(available[name], round(wanted[name] * factor)) for name in wanted}
    if factor == 1.0 or (options.allow_fewer and all(shrunk.values())):
        if factor < 1.0:
            log.warning("data sets shrink to %d CSR and %d VOP rows", shrunk["csr"], shrunk["vop"])
        return shrunk
    lines = [
        f"{name.upper()}: {available[name]} usable rows of {len(fates)} seed images, {wanted[name]} wanted"
        f" (dropped: {', '.join(f'{number} {reason}' for reason, number in _dropped(fates)) or 'none'})"
        for name, fates in _named(csr, vop)
    ]
    needed = "more" if factor == 0 else f"to about {int(len(csr) / factor * 1.1) + 1}"
    remedy = f"raise images.number ({needed}), or lower synthesis.csr_size and synthesis.vop_size"
    if any(reason.endswith(NOT_DRAWN) for reason in vop.values()):
        remedy += ", or raise synthesis.vop_share"
    if not options.allow_fewer:
        remedy += ", or set synthesis.allow_fewer: true"
    raise ViperError("\n".join(["too few usable rows for the data sets:", *lines, remedy]))


def _dropped(fates: dict[str, str]) -> list[tuple[str, int]]:
    return sorted(Counter(filter(None, fates.values())).items())


def _account(fates: dict[str, str], chosen: set[str]) -> list[tuple[str, int]]:
    """Reasons and how many seed images each explains, together all of them."""
    surplus = sum(not fate for fate in fates.values()) - len(chosen)
    return [(USED, len(chosen)), (SURPLUS, surplus), *_dropped(fates)]


def _choose(ids: list[str], size: int, seed: int) -> set[str]:
    return {ids[position] for position in np.random.default_rng(seed).permutation(len(ids))[:size]}


def _column(shards: Shards, step: str, name: str) -> dict[str, list[str]]:
    """One column of a step's tables, by id."""
    return {row["id"]: row[name] for row in shards.rows(step, ["id", name])}


def _exchanged(labels: dict[str, list[str]], ids: set[str], seed: int) -> dict[str, list[str]]:
    """The labels of these rows, passed on around a random circle: nobody keeps its own, and none is lost."""
    circle = sorted(ids)
    circle = [circle[position] for position in np.random.default_rng(seed).permutation(len(circle))]
    return {row_id: labels[circle[number - 1]] for number, row_id in enumerate(circle)}


def _csr_rows(
    shards: Shards, chosen: set[str], options: Synthesis, lineage: str, seed: int, labels: dict[str, list[str]]
) -> Iterator[list[Row]]:
    for shard in range(shards.count):
        columns = ["id", "picture", "caption", "completion"]
        critiques = by_id(read_step(shards.path("critiques", shard), "critiques", columns))
        pictures = {"image": read_step(shards.path("images", shard), "images", ["id", "image"])}
        if any(critiques[row_id]["picture"] == "reconstruction" for row_id in chosen & critiques.keys()):
            if "reconstructions" not in shards.tables:
                raise ViperError(
                    "the captions are held to the reconstructions (synthesis.critique.picture), and no table of them "
                    "is named: add --reconstructions, once for each shard"
                )
            painted = read_step(shards.path("reconstructions", shard), "reconstructions", ["id", "image"])
            pictures["reconstruction"] = painted
        yield [
            {
                "id": row["id"],
                "images": [row["image"]],
                "caption": critiques[row["id"]]["caption"],
                "prompt": render(options.prompts, "csr", caption=critiques[row["id"]]["caption"]),
                "ground_truth": labels[row["id"]],
                "reasoning": completion.reasoning(critiques[row["id"]]["completion"]),
                "lineage": lineage,
                "prompt_name": f"{options.prompts}/csr",
                "seed": seed,
            }
            for picture, rows in pictures.items()
            for row in rows
            if row["id"] in chosen and critiques[row["id"]]["picture"] == picture
        ]


def _vop_rows(
    shards: Shards, chosen: set[str], options: Synthesis, lineage: str, seed: int, labels: dict[str, list[str]]
) -> Iterator[list[Row]]:
    for shard in range(shards.count):
        named = by_id(read_step(shards.path("refinements", shard), "refinements", ["id", "entities_completion"]))
        edits = by_id(read_step(shards.path("edits", shard), "edits", ["id", "prepared", "image"]))
        yield [
            {
                "id": row["id"],
                "images": [*(edits[row["id"]]["prepared"] or [row["image"]]), edits[row["id"]]["image"]],
                "prompt": render(options.prompts, "vop"),
                "ground_truth": labels[row["id"]],
                "reasoning": completion.reasoning(named[row["id"]]["entities_completion"]),
                "lineage": lineage,
                "prompt_name": f"{options.prompts}/vop",
                "seed": seed,
            }
            for row in read_step(shards.path("images", shard), "images", ["id", "image"])
            if row["id"] in chosen
        ]

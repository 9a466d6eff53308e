"""What the loop can only trust, measured: each step of a synthesis in the micro world against the truth.

The truth file is joined here, and in `microworld.adapters.labels` for labels that are to be true. Pictures made by
painter and editor are read by the independent checker.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from microworld import grammar, parse
from microworld.base_models.checker import Checker
from microworld.findings import ATTRIBUTES, BACKGROUND, Finding, edit_done, look, matches, shares
from microworld.operations import Operation
from microworld.scene import CELLS, Object, Scene, from_json
from viper import layout
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.reading import read_json_lines
from viper.synthesis.assemble import Shards
from viper.synthesis.rows import Row, by_id, unpack_image
from viper.synthesis.tables import read_step

# What a refinement turns out to be.
CAPTION = "the caption's mistake, told right"
MISTOLD = "the caption's mistake, told wrong"
PAINTER = "the painter's mistake"
NOBODY = "nobody's mistake"
UNREADABLE = "not readable"
BLAMES = (CAPTION, MISTOLD, PAINTER, NOBODY, UNREADABLE)


class Truth(BaseModel):
    """A line of truth/shardN.jsonl."""

    id: str
    scene: dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A picture and the caption that is held to it, with what the painter made of the loop's caption.

    Attributes:
        picture: that the caption is held to: the seed "image" or its "reconstruction".
        real: what that picture shows.
        said: what the caption says that is held to it.
        meant: what the painter was told. painted: what the checker sees in its picture.
    """

    picture: str
    real: Scene
    said: Scene
    meant: Scene
    painted: Scene


def audit_all(tables: Sequence[tuple[str, Path]], truth: Sequence[Path], *, checker: Path) -> pd.DataFrame:
    """Measure the syntheses of several lineages, each with several seeds.

    Args:
        tables: of the steps, each with the lineage whose data it led to, and where `viper.layout` puts it: the path
            says step and seed (and who made it, which may be another).
        truth: of the seed images, likewise.
        checker: folder of the checker.

    Returns:
        Columns lineage, seed, and those of `audit`.

    Raises:
        ViperError: a path says nothing of that; and see `audit`.
    """
    reader, measured = Checker.from_pretrained(checker), []
    scenes = _grouped(truth, lambda path: layout.run_of(path)[1])
    runs: dict[tuple[str, int], list[Path]] = {}
    for lineage in dict.fromkeys(lineage for lineage, _ in tables):
        paths = [path for owner, path in tables if owner == lineage]
        by_seed = _grouped(paths, lambda path: layout.step_of(path)[2])
        runs |= {(lineage, seed): found for seed, found in by_seed.items()}
    for (lineage, seed), paths in sorted(runs.items(), key=lambda run: run[0][1]):
        shards = Shards(_grouped(paths, lambda path: layout.step_of(path)[1]))
        table = audit(shards, scenes.get(seed, []), reader)
        measured.append(table.assign(lineage=lineage, seed=seed))
    return pd.concat(measured)[["lineage", "seed", *measured[0].columns[:-2]]]


def _grouped(paths: Sequence[Path], key: Callable[[str], Hashable]) -> dict[Hashable, list[Path]]:
    """Paths by what they say of themselves, in their order."""
    groups: dict[Hashable, list[Path]] = {}
    for path in paths:
        try:
            groups.setdefault(key(str(path)), []).append(path)
        except ValueError as error:
            raise ViperError(f"{error}: name files of data/SCALE/ as the rules write them") from error
    return groups


def audit(shards: Shards, truth: Sequence[Path], checker: Checker) -> pd.DataFrame:
    """Measure every step of one synthesis.

    Args:
        truth: a file per shard, lines {"id", "scene"}.

    Returns:
        Columns step, measure, share, low, high (Wilson, 95 %), n.

    Raises:
        ViperError: there is no truth (seed images that were not drawn).
    """
    if len(truth) != shards.count:
        raise ViperError(f"{len(truth)} files of truth for {shards.count} shards: name that of every shard, in order")
    findings: list[Finding] = []
    for shard in range(shards.count):
        scenes = read_truth(truth[shard])
        tables = {
            step: by_id(row for row in read_step(shards.path(step, shard), step) if not row["failure"])
            for step in ("captions", "reconstructions", "operations", "edits")
        }
        critiques = by_id(read_step(shards.path("critiques", shard), "critiques"))
        painted, edited = (read_pictures(checker, tables[step]) for step in ("reconstructions", "edits"))
        for row_id, caption in tables["captions"].items():
            real, said = scenes[row_id], parse.described_scene(caption["caption"])
            findings += _audit_scene("caption", said, real)
            findings += _audit_scene("painter", painted[row_id], said)
            if pair := criticized(critiques[row_id], real, said, painted[row_id]):
                findings += _audit_refinements(critiques[row_id]["refinements"], pair)
        started = before_edits(checker, scenes, tables["edits"])
        for row_id, picture in edited.items():
            findings += _audit_edit(tables["operations"][row_id]["statements"], started[row_id], picture)
    return shares(findings)


def read_truth(path: Path) -> dict[str, Scene]:
    """Scenes by the id of their seed image.

    Raises:
        ViperError: there is no such file, it is damaged, or a line is no scene.
    """
    if not path.exists():
        raise ViperError(f"{path} is missing: only drawn seed images (images.source: world) have a truth to audit with")
    scenes = {}
    for line in read_json_lines(path, Truth):
        try:
            scenes[line.id] = from_json(json.dumps(line.scene))
        except (KeyError, TypeError, ValueError) as error:
            raise ViperError(f"{path}: the scene of {line.id} cannot be read ({error}). {REMEDY}") from error
    return scenes


def criticized(critique: Row, real: Scene, meant: Scene, painted: Scene) -> Pair | None:
    """What a critique compares; None where it has no caption, for that may be a second one, and broken.

    Args:
        critique: of a seed image that shows `real`, and whose reconstruction shows what was `painted` of what was
            `meant`.
    """
    if not critique["caption"]:
        return None
    held_to = real if critique["picture"] == "image" else painted
    return Pair(critique["picture"], held_to, parse.described_scene(critique["caption"]), meant, painted)


def judge_refinement(sentence: str, pair: Pair) -> str:
    """Whose mistake a refinement speaks of: one of BLAMES.

    The painter's: where the caption is right of the seed image, but the reconstruction shows something else than it
    says. Where the caption is held to a reconstruction, that picture is taken to show what the painter was told: there
    a refinement that says so is the painter's mistake where the painter did otherwise in that place.
    """
    refinement = parse.parse_refinement(sentence)
    if refinement is None:
        return UNREADABLE
    if grammar.plain(sentence) in grammar.refinements(pair.real, pair.said):
        return CAPTION
    real, said, meant, painted = (_seen(s, refinement.cell) for s in (pair.real, pair.said, pair.meant, pair.painted))
    if pair.picture == "reconstruction" and refinement.real == meant != painted:
        return PAINTER
    if said != real:
        return MISTOLD
    return PAINTER if painted != said else NOBODY


def premise_holds(operation: Operation, real: Scene) -> bool:
    """Whether the picture is as the operation's sentence takes for granted."""
    before, after = operation.before, operation.after
    if before is not None and not matches(before, real.at(before.cell)):
        return False
    return after is None or (before is not None and after.cell == before.cell) or real.at(after.cell) is None


def _audit_scene(step: str, shown: Scene, meant: Scene) -> Iterator[Finding]:
    """Attributes of the objects and the background that were meant, and of what is shown beyond them."""
    for thing in meant.objects:
        found = shown.at(thing.cell)
        yield Finding(step, "object is there", found is not None)
        for name in ATTRIBUTES:
            right = found is not None and getattr(found, name) == getattr(thing, name)
            yield from (Finding(step, measure, right) for measure in (name, "all facts"))
    for name in BACKGROUND:
        right = getattr(shown, name) == getattr(meant, name)
        yield from (Finding(step, measure, right) for measure in (name, "all facts"))
    for thing in shown.objects:
        yield Finding(step, "nothing invented", meant.at(thing.cell) is not None)


def _audit_refinements(sentences: list[str], pair: Pair) -> Iterator[Finding]:
    for blame in (judge_refinement(sentence, pair) for sentence in sentences):
        yield from (Finding("refinements", name, blame == name) for name in BLAMES)
    told = [grammar.plain(sentence) for sentence in sentences]
    # A caption of which nothing is said is no label: what was overlooked there teaches nothing.
    names = ("needed and found", "needed and found in labels") if sentences else ("needed and found",)
    for needed in grammar.refinements(pair.real, pair.said):
        yield from (Finding("refinements", name, needed in told) for name in names)


def _audit_edit(statements: list[str], real: Scene, edited: Scene) -> Iterator[Finding]:
    operations = [operation for operation in map(parse.parse_operation, statements) if operation]
    named: set[int] = set()
    for operation in operations:
        named |= {thing.cell for thing in (operation.before, operation.after) if thing}
        premise, done = premise_holds(operation, real), edit_done(operation, edited)
        yield Finding("operations", "starts from what is there", premise)
        yield from (Finding("edits", measure, done) for measure in ("done", f"done: {operation.type}"))
        yield Finding("edits", "statement is true", premise and done)
    for cell in CELLS:
        if cell not in named:
            yield Finding("edits", "other cells kept", look(edited, cell) == look(real, cell))


def read_pictures(checker: Checker, rows: dict[str, Row]) -> dict[str, Scene]:
    """What the checker sees in the picture of each row, by id."""
    images = [unpack_image(row["image"]) for row in rows.values()]
    return dict(zip(rows, checker.read(images), strict=True)) if images else {}


def before_edits(checker: Checker, scenes: dict[str, Scene], edits: dict[str, Row]) -> dict[str, Scene]:
    """What the edits of each row started from: the scene of the seed image, or what the checker sees as prepared."""
    prepared = {row_id: {"image": row["prepared"][0]} for row_id, row in edits.items() if row["prepared"]}
    return {row_id: scenes[row_id] for row_id in edits} | read_pictures(checker, prepared)


def _seen(scene: Scene, cell: int | None) -> Object | tuple[str, str] | None:
    """What a scene has where a refinement speaks of: at a cell, or in the background."""
    return (scene.shade, scene.texture) if cell is None else look(scene, cell)

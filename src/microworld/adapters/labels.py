"""The labels of a synthesis by the truth of its drawn seed images; edited pictures are read by the checker."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microworld import grammar, parse
from microworld.audit import before_edits, premise_holds, read_pictures, read_truth
from microworld.base_models.checker import Checker
from microworld.findings import edit_done
from microworld.scene import Scene
from viper.errors import ViperError
from viper.synthesis.assemble import Shards
from viper.synthesis.labels import TrueLabels
from viper.synthesis.rows import by_id, row_seed
from viper.synthesis.tables import read_step


def true_labels(shards: Shards, truth: Sequence[Path], checker: Checker, *, seed: int) -> TrueLabels:
    """What has to change in each caption, and which pairs differ as they are said to.

    Args:
        truth: a file per shard, lines {"id", "scene"}.
        seed: of the run; the wording of each refinement is drawn with it.

    Raises:
        ViperError: there is no truth of some shard, or a file cannot be read.
    """
    if len(truth) != shards.count:
        raise ViperError(f"{len(truth)} files of truth for {shards.count} shards: name that of every shard, in order")
    refinements: dict[str, list[str]] = {}
    pairs: set[str] = set()
    for shard, path in enumerate(truth):
        scenes = read_truth(path)
        captions, operations, edits = (
            by_id(row for row in read_step(shards.path(step, shard), step) if not row["failure"])
            for step in ("captions", "operations", "edits")
        )
        for row_id, row in captions.items():
            rng = np.random.default_rng(row_seed(seed, "true refinements", row_id))
            needed = grammar.refinements(scenes[row_id], parse.described_scene(row["caption"]))
            refinements[row_id] = [grammar.reword(rng, sentence) for sentence in needed]
        started = before_edits(checker, scenes, edits)
        for row_id, edited in read_pictures(checker, edits).items():
            if all(_is_true(each, started[row_id], edited) for each in operations[row_id]["statements"]):
                pairs.add(row_id)
    return TrueLabels(refinements, pairs)


def _is_true(statement: str, real: Scene, edited: Scene) -> bool:
    """Whether the picture was as a statement takes for granted, and its copy is as it says; not if it is unreadable."""
    operation = parse.parse_operation(statement)
    return operation is not None and premise_holds(operation, real) and edit_done(operation, edited)

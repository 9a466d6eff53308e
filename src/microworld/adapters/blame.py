"""Whose mistake a refinement is, of drawn pictures: the caption's, the painter's, or that of whoever refined.

The truth file is joined here. Painted pictures are read by the independent checker, whose own misreadings count as the
painter's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from microworld import draw, grammar, parse
from microworld.audit import CAPTION, Pair, criticized, judge_refinement, read_pictures, read_truth
from microworld.base_models.checker import Checker
from microworld.findings import ATTRIBUTES
from microworld.scene import GLYPHS, KINDS, Scene, sample_scene
from viper.errors import ViperError
from viper.synthesis.assemble import Shards
from viper.synthesis.rows import by_id
from viper.synthesis.tables import read_step

_SEVERAL, _NONE = "several attributes", "no type"


class TrueCaption(NamedTuple):
    """A drawn picture with its right caption, of which nothing was painted."""

    id: str
    image: Image.Image
    caption: str
    scene: Scene


def read_pairs(shards: Shards, truth: Sequence[Path], checker: Checker) -> dict[str, Pair]:
    """The pairs of a synthesis by the id of their seed image.

    Args:
        shards: its tables of captions, reconstructions and critiques.
        truth: a file per shard, lines {"id", "scene"}.

    Raises:
        ViperError: there is no truth of some shard, or a file cannot be read.
    """
    if len(truth) != shards.count:
        raise ViperError(f"{len(truth)} files of truth for {shards.count} shards: name that of every shard, in order")
    pairs = {}
    for shard, path in enumerate(truth):
        scenes = read_truth(path)
        captions, reconstructions, critiques = (
            by_id(read_step(shards.path(step, shard), step)) for step in ("captions", "reconstructions", "critiques")
        )
        painted = read_pictures(checker, reconstructions)
        for row_id in painted.keys() & critiques.keys():
            meant = parse.described_scene(captions[row_id]["caption"])
            if pair := criticized(critiques[row_id], scenes[row_id], meant, painted[row_id]):
                pairs[row_id] = pair
    return pairs


def matches(sentence: str, pair: Pair) -> bool:
    """Whether the picture of a pair differs from its caption as a refinement says."""
    return judge_refinement(sentence, pair) == CAPTION


def untold(sentences: Sequence[str], pair: Pair) -> bool:
    """Whether a caption needs another change than some refinements say, in whatever wording they say it."""
    told = {grammar.plain(sentence) for sentence in sentences}
    return not told.issuperset(grammar.refinements(pair.real, pair.said))


def refinement_type(sentence: str) -> str:
    """What a refinement is about: 'missing', 'extra', 'background', or the attribute that differs."""
    refinement = parse.parse_refinement(sentence)
    if refinement is None:
        return _NONE
    if refinement.type != "wrong":
        return refinement.type
    differing = [name for name in ATTRIBUTES if getattr(refinement.real, name) != getattr(refinement.said, name)]
    return differing[0] if len(differing) == 1 else _SEVERAL if differing else _NONE


def confusions(pairs: Mapping[str, Pair]) -> list[dict[str, object]]:
    """How often the painter was told one kind and painted another in its place.

    Returns:
        A row for each two different kinds: meant, painted, family (of the painted: 'glyph', 'shape'), number, of (how
        often the kind was meant).
    """
    counts: Counter[tuple[str, str]] = Counter()
    told: Counter[str] = Counter()
    for pair in pairs.values():
        for thing in pair.meant.objects:
            told[thing.kind] += 1
            if found := pair.painted.at(thing.cell):
                counts[thing.kind, found.kind] += 1
    return [
        {
            "meant": meant,
            "painted": painted,
            "family": "glyph" if painted in GLYPHS else "shape",
            "number": counts[meant, painted],
            "of": told[meant],
        }
        for meant in KINDS
        for painted in KINDS
        if meant != painted
    ]


def true_captions(count: int, seed: int) -> Iterator[TrueCaption]:
    """So many drawn pictures with their right captions; no benchmark's layouts, and no seed image's."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        scene = sample_scene(rng, split=_SPLIT)
        yield TrueCaption(f"true{number:05d}", draw.render(scene), grammar.caption(scene), scene)


def invented(sentence: str, scene: Scene) -> tuple[str, str] | None:
    """The kind that is there, and the other kind that a refinement of a right caption speaks of.

    None where it names no thing in this place, or none of another kind.
    """
    refinement = parse.parse_refinement(sentence)
    if refinement is None or refinement.type != "wrong" or (there := scene.at(refinement.cell)) is None:
        return None
    kinds = [thing.kind for thing in (refinement.real, refinement.said) if thing.kind != there.kind]
    return (there.kind, kinds[0]) if kinds else None


_SPLIT = "dev"  # the layouts on which nothing was trained, and which the reported benchmarks do not have

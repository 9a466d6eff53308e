"""The open questions' door to the drawn world: whose mistake a refinement is, and pictures with right captions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microworld.adapters.blame import Pair, TrueCaption
    from viper.synthesis.assemble import Shards


def read_pairs(shards: "Shards", truth: Sequence[Path], *, checker: Path) -> "dict[str, Pair]":
    """The pairs of pictures of a synthesis by id; see `microworld.adapters.blame.read_pairs`."""
    from microworld.adapters import blame as adapter
    from microworld.base_models.checker import Checker

    return adapter.read_pairs(shards, truth, Checker.from_pretrained(checker))


def blame(sentence: str, pair: "Pair") -> dict[str, str]:
    """The type of a refinement, and whose mistake it speaks of; see `microworld.audit.judge_refinement`."""
    from microworld.adapters import blame as adapter

    return {"type": adapter.refinement_type(sentence), "blame": adapter.judge_refinement(sentence, pair)}


def matches(sentence: str, pair: "Pair") -> bool:
    """Whether a pair's picture differs from its caption so; see `microworld.adapters.blame.matches`."""
    from microworld.adapters import blame as adapter

    return adapter.matches(sentence, pair)


def untold(sentences: Sequence[str], pair: "Pair") -> bool:
    """Whether a caption needs another change than these; see `microworld.adapters.blame.untold`."""
    from microworld.adapters import blame as adapter

    return adapter.untold(sentences, pair)


def confusions(pairs: "Mapping[str, Pair]") -> list[dict[str, object]]:
    """Which kinds the painter painted in place of others; see `microworld.adapters.blame.confusions`."""
    from microworld.adapters import blame as adapter

    return adapter.confusions(pairs)


def true_captions(count: int, seed: int) -> "list[TrueCaption]":
    """Drawn pictures with right captions; see `microworld.adapters.blame.true_captions`."""
    from microworld.adapters import blame as adapter

    return list(adapter.true_captions(count, seed))


def invented(sentence: str, caption: "TrueCaption") -> tuple[str, str] | None:
    """The kind that is there and the one that a refinement names; see `microworld.adapters.blame.invented`."""
    from microworld.adapters import blame as adapter

    return adapter.invented(sentence, caption.scene)

"""The synthesis' door to the drawn world: its seed images, its language, and the audit against its truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from viper.config.images import Images

if TYPE_CHECKING:
    import pandas as pd

    from viper.synthesis.assemble import Shards
    from viper.synthesis.heuristics import Language
    from viper.synthesis.labels import TrueLabels


def draw_images(images: Images, *, seed: int, out: Sequence[Path], truth: Sequence[Path], first_shard: int = 0) -> None:
    """See `microworld.adapters.images.draw_images`."""
    from microworld.adapters import images as drawn

    drawn.draw_images(images, seed=seed, out=out, truth=truth, first_shard=first_shard)


def language() -> "Language":
    """What the heuristics read and say about drawn pictures."""
    from microworld.adapters.language import MicroLanguage

    return MicroLanguage()


def audit(tables: Sequence[tuple[str, Path]], truth: Sequence[Path], *, checker: Path) -> "pd.DataFrame":
    """Every step of some syntheses against the truth; see `microworld.audit.audit_all`."""
    from microworld.audit import audit_all

    return audit_all(tables, truth, checker=checker)


def true_labels(shards: "Shards", truth: Sequence[Path], *, checker: Path, seed: int) -> "TrueLabels":
    """What labels should have said; see `microworld.adapters.labels.true_labels`."""
    from microworld.adapters import labels
    from microworld.base_models.checker import Checker

    return labels.true_labels(shards, truth, Checker.from_pretrained(checker), seed=seed)

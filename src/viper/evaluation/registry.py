"""Which benchmarks there are, and how each is scored: the official ones stand here, the drawn ones behind a door."""

from typing import Literal

from viper.evaluation import world
from viper.evaluation.scoring import (
    Mantis,
    MultipleChoice,
    Pairs,
    RealWorld,
    RealWorldLite,
    Relations,
    Scoring,
    YesOrNo,
)

OFFICIAL: dict[str, Scoring] = {
    "MMStar": MultipleChoice(),
    "RealWorldQA": MultipleChoice(),
    "MME-RealWorld": RealWorld(),
    "MME-RealWorld-Lite": RealWorldLite(),
    "BLINK": MultipleChoice(),
    "Mantis-Eval": Mantis(),
    "HallusionBench": YesOrNo(),
    "CRPE_RELATION": Relations(),
    "CRPE_EXIST": Relations(),
    "MMVP": Pairs(),
}

PICTURES_APART = (
    "CRPE_RELATION",
    "CRPE_EXIST",
)  # their tables only name the pictures: `viper.evaluation.crpe_pictures`


def names(source: Literal["world", "official"]) -> tuple[str, ...]:
    """The benchmarks of a source, which is that of the section `evaluation` of params.yaml."""
    if source == "official":
        return tuple(OFFICIAL)
    return world.names()


def scoring(name: str) -> Scoring:
    """How a benchmark is scored.

    Raises:
        ViperError: there is no such benchmark.
    """
    return OFFICIAL[name] if name in OFFICIAL else world.scoring(name)

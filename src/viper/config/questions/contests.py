"""Contests of an open question: two lineages that differ in one choice."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from viper.config.base import Section
from viper.lineage import is_trained


class Pair(Section):
    """Two lineages that differ in one choice."""

    better: str = Field(description="the one that the claim expects more of")
    worse: str = Field(description="the other one")


def check_contests(contests: Mapping[str, Pair], lineages: Sequence[str]) -> None:
    """Refuse contests that cannot be held between trained lineages, the first of which is their base.

    Raises:
        ValueError: the base is trained, another is not, a contest names what is not there, or one lineage twice.
    """
    if is_trained(lineages[0]) or not all(map(is_trained, lineages[1:])):
        raise ValueError(f"lineages {list(lineages)}: name the base first, and after it what is trained on it")
    for contest, pair in contests.items():
        for name in (pair.better, pair.worse):
            if name not in lineages[1:]:
                raise ValueError(
                    f"contests.{contest}: {name!r} is not among the lineages after the first, the base: add it there"
                )
        if pair.better == pair.worse:
            raise ValueError(f"contests.{contest}: {pair.better!r} is held to itself: name two lineages")

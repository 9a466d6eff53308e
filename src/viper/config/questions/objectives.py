"""The question `objectives`: order, clip, KL term, updates, supervision at equal budget."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Count, LeaveOutNull, Section
from viper.config.questions.base import Question
from viper.lineage import is_trained

Contest = Literal["order", "steps", "updates", "clip", "kl", "sft"]


class Pair(Section):
    """Two lineages that differ in one choice."""

    better: str = Field(description="the one that the claim expects more of")
    worse: str = Field(description="the other one")


class Objectives(Question):
    """Order and length of the stages, clipping, KL term, updates per rollout, and supervision at equal budget.

    The first of `lineages` is the base, over which the others gain.
    """

    contests: Annotated[dict[Contest, Pair], LeaveOutNull] = Field(
        min_length=1, description="choice → the two lineages that differ in it"
    )
    curves: list[str] = Field(
        [], description="lineages of one rewarded phase on the same data, whose reward is drawn over compute"
    )
    window: Count = Field(5, description="samplings that a point of these curves is the mean of")

    @model_validator(mode="after")
    def _check_named(self) -> "Objectives":
        named = [*self.curves, *(name for pair in self.contests.values() for name in (pair.better, pair.worse))]
        if unknown := [name for name in named if name not in self.lineages[1:]]:
            raise ValueError(f"{unknown[0]!r} is not among the lineages after the first, the base: add it there")
        for contest, pair in self.contests.items():
            if pair.better == pair.worse:
                raise ValueError(f"contests.{contest}: {pair.better!r} is held to itself: name two lineages")
        return self

    @model_validator(mode="after")
    def _check_trained(self) -> "Objectives":
        if is_trained(self.lineages[0]) or not all(map(is_trained, self.lineages[1:])):
            raise ValueError(f"lineages {self.lineages}: name the base first, and after it what is trained on it")
        return self

    @model_validator(mode="after")
    def _check_curves(self) -> "Objectives":
        if long := [name for name in self.curves if name.count(".") > 1]:
            raise ValueError(
                f"curves: {long[0]!r} has several phases, whose rewards are not comparable: name one phase"
            )
        return self

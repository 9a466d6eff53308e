"""The question `objectives`: order, clip, KL term, updates, supervision on as many samples or tokens."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Count, LeaveOutNull
from viper.config.questions.answered import AnsweredByBenchmarks
from viper.config.questions.contests import Pair, check_contests

Contest = Literal["order", "steps", "updates", "clip", "kl", "sft", "sft_tokens"]


class Objectives(AnsweredByBenchmarks):
    """Order and length of the stages, clipping, KL term, updates per rollout, supervision on as many samples or tokens.

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
    def _check_contests(self) -> "Objectives":
        check_contests(self.contests, self.lineages)
        return self

    @model_validator(mode="after")
    def _check_curves(self) -> "Objectives":
        if unknown := [name for name in self.curves if name not in self.lineages[1:]]:
            raise ValueError(
                f"curves: {unknown[0]!r} is not among the lineages after the first, the base: add it there"
            )
        if long := [name for name in self.curves if name.count(".") > 1]:
            raise ValueError(
                f"curves: {long[0]!r} has several phases, whose rewards are not comparable: name one phase"
            )
        return self

"""The question `ablation_labels`: which labels of its own can a model learn from?"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from viper.config.base import LeaveOutNull
from viper.config.questions.base import Question
from viper.config.questions.contests import Pair, check_contests

Contest = Literal["refinements", "premises", "refinements_of_others", "operations_of_others", "truth"]


class AblationLabels(Question):
    """Which labels of its own can a model learn from?

    The first of `lineages` is the base, over which the others gain; these are of one phase each, and differ in how
    their labels were made.
    """

    needs_truth: ClassVar[bool] = True

    contests: Annotated[dict[Contest, Pair], LeaveOutNull] = Field(
        min_length=1, description="choice → the two lineages that differ in it"
    )

    @model_validator(mode="after")
    def _check_contests(self) -> "AblationLabels":
        check_contests(self.contests, self.lineages)
        if long := [name for name in self.lineages[1:] if name.count(".") > 1]:
            raise ValueError(f"lineages: {long[0]!r} has several phases, whose labels are of two kinds: name one phase")
        return self

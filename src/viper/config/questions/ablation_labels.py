"""The question `ablation_labels`: which labels of its own can a model learn from?"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from viper.config.base import LeaveOutNull
from viper.config.questions.answered import AnsweredByBenchmarks
from viper.config.questions.contests import Pair, check_contests
from viper.lineage import split_control

Contest = Literal["refinements", "premises", "refinements_of_others", "operations_of_others", "truth"]
OF: dict[str, str] = {  # contest → the phase that its claim speaks of
    "refinements": "csr",
    "premises": "vop",
    "refinements_of_others": "csr",
    "operations_of_others": "vop",
    "truth": "vop",
}


class AblationLabels(AnsweredByBenchmarks):
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
        phases = {name: split_control(name)[0].rpartition(".")[2] for name in self.lineages[1:]}
        if others := [name for name, phase in phases.items() if phase not in ("csr", "vop")]:
            raise ValueError(f"lineages: {others[0]!r}: what labels of it are true is told of csr and vop: name these")
        for contest, pair in self.contests.items():
            if {phases[pair.better], phases[pair.worse]} != {OF[contest]}:
                raise ValueError(
                    f"contests.{contest}: {pair.better!r} and {pair.worse!r}: is about {OF[contest]}: name two of it"
                )
        return self

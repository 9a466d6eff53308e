"""The question `reward_audit`: embedder, threshold, and hacking of the reward."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Count, LeaveOutNull
from viper.config.questions.answered import AnsweredByBenchmarks
from viper.lineage import is_trained

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]


class RewardAudit(AnsweredByBenchmarks):
    """The same training under several embedders and thresholds; and what it saved, and answers that try to cheat,
    scored under every setting of the reward.

    The first of `lineages` is the base, over which the others gain. Which sentences are right is known where
    `training.records.meaning` says who tells; elsewhere the parts that need it are left out.
    """

    embedders: Annotated[dict[Name, str], LeaveOutNull] = Field(
        min_length=1,
        description="embedder → the lineage trained under it at its own calibrated threshold; the first is what others "
        "are held to",
    )
    thresholds: Annotated[dict[Name, str], LeaveOutNull] = Field(
        {}, description="name → the lineage trained under the first embedder at another threshold"
    )
    rescored: Literal["main", "experiments"] = Field(
        "main",
        description="whose saved rollouts are rescored besides its own: those of the experiment main, or of all "
        "experiments, whose lineages are trained for that. Other questions' are not: they would all be asked first",
    )
    generic: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="sentences that are safe to say of any picture"
    )
    repeats: Annotated[Count, Field(ge=2, le=100)] = Field(description="how often the repeated sentence is said")
    candidates: Annotated[Count, Field(ge=2, le=500)] = Field(
        description="statements that the answer lists which names all candidates"
    )

    @property
    def held_to(self) -> str:
        """The lineage of the first embedder at its own threshold."""
        return next(iter(self.embedders.values()))

    @model_validator(mode="after")
    def _check_named(self) -> "RewardAudit":
        if is_trained(self.lineages[0]):
            raise ValueError(f"lineages: {self.lineages[0]!r} stands first and is trained: name the base there")
        named = [*self.embedders.values(), *self.thresholds.values()]
        if sorted(self.lineages[1:]) != sorted(named):
            raise ValueError("lineages: after the base, name those of embedders and thresholds once each, and no other")
        if not all(map(is_trained, named)):
            raise ValueError("embedders, thresholds: name lineages that are trained")
        if both := self.embedders.keys() & self.thresholds.keys():
            raise ValueError(f"thresholds: {min(both)!r} is an embedder's name as well: give the threshold another")
        return self

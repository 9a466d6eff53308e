"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Count, LeaveOutNull, Section
from viper.lineage import is_trained

Contest = Literal["order", "steps", "updates", "clip", "kl", "sft"]
SplitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Question(Section):
    """One open question: the lineages that answer it, and the items that they are asked."""

    lineages: list[str] = Field(
        min_length=1, description="what is trained and compared; the first is what others are held to"
    )
    split: SplitName = Field("test", description="which of evaluation.splits scores them, where benchmarks do")


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


class Course(Section):
    """One family: its base and what training makes of it, stage by stage."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ ()-]{0,63}$")] = Field(
        description="of the family, as tables and figures call it"
    )
    stages: list[str] = Field(min_length=2, description="its lineages: the base, then after each stage")

    @model_validator(mode="after")
    def _check_stages(self) -> "Course":
        base, *trained = self.stages
        if is_trained(base) or not all(map(is_trained, trained)):
            raise ValueError(f"stages {self.stages}: name the family's base first, and after it what is trained on it")
        return self


class Families(Question):
    """Is it Qwen's doing? The loop with the first family, and with the second one."""

    families: list[Course] = Field(
        min_length=2, max_length=2, description="the scale's own family, then the one that is held to it"
    )

    @model_validator(mode="after")
    def _check_named(self) -> "Families":
        named = [stage for family in self.families for stage in family.stages]
        if sorted(named) != sorted(self.lineages):
            raise ValueError(f"lineages {self.lineages} are not those of the families' stages, {named}: name the same")
        if len({len(family.stages) for family in self.families}) > 1:
            raise ValueError("families: one has more stages than the other: name as many of each")
        if len({family.name for family in self.families}) < 2:
            raise ValueError(f"families: both are called {self.families[0].name}: give each its name")
        return self


class OpenQuestions(Section):
    """The open questions that a scale asks; what is null is left out."""

    generations: Question | None = Field(None, description="does the loop go on, generation after generation?")
    painter_fidelity: Question | None = Field(None, description="how much does it depend on painter and editor?")
    diffusion_errors: Question | None = Field(None, description="whose mistake is a refinement?")
    skills: Question | None = Field(None, description="which fine-grained skills rise, which fall?")
    reward_audit: Question | None = Field(None, description="embedder, threshold, and hacking of the reward")
    inspection: Question | None = Field(None, description="do the differences match the words, by eye?")
    families: Families | None = Field(None, description="does another family of models gain as well?")
    objectives: Objectives | None = Field(
        None, description="order, clip, KL term, updates, supervision at equal budget"
    )
    needle: Question | None = Field(None, description="does attention go where the answer is?")

    @property
    def asked(self) -> dict[str, Question]:
        """Question → its section, of those that are asked."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in named.items() if section is not None}

"""The question `families`: does another family of models gain as well?"""

from typing import Annotated

from pydantic import Field, model_validator

from viper.config.base import Section
from viper.config.questions.answered import AnsweredByBenchmarks
from viper.lineage import is_trained


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


class Families(AnsweredByBenchmarks):
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

"""The question `needle`: does attention go where the answer is?"""

from typing import Annotated

from pydantic import Field, field_validator

from viper.config.base import Count, Seed
from viper.config.questions.base import Question
from viper.lineage import split_control


class Needle(Question):
    """Pictures with one small decisive object; where attention lies is read as in evaluation.attention."""

    seed: Seed = Field(description="seed of the pictures, which are those of the split's `pictures`")
    pictures: Annotated[Count, Field(ge=2)] = Field(description="pictures, the same for every lineage and seed")

    @field_validator("lineages")
    @classmethod
    def _check_lineages(cls, lineages: list[str]) -> list[str]:
        if asked := [name for name in lineages if split_control(name)[1]]:
            raise ValueError(f"{asked[0]!r}: attention is measured on one text for all: leave out '+…'")
        return lineages

"""The question `needle`: does attention go where the answer is?"""

from typing import Annotated

from pydantic import Field

from viper.config.base import Count, Seed
from viper.config.questions.base import Question


class Needle(Question):
    """Pictures with one small decisive object; where attention lies is read as in evaluation.attention."""

    seed: Seed = Field(description="seed of the pictures, which are those of the split's `pictures`")
    pictures: Annotated[Count, Field(ge=2)] = Field(description="pictures, the same for every lineage and seed")

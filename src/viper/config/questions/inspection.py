"""The question `inspection`: do the differences match the words, by eye?"""

from pydantic import Field

from viper.config.base import Count, Pixels, Seed
from viper.config.paths import PathText
from viper.config.questions.base import Question


class Inspection(Question):
    """Whether the differences between a picture and its reconstruction match the words, for people to judge."""

    pictures: Count = Field(50, description="reconstructions that are drawn, over all seeds of the run")
    seed: Seed = Field(0, description="of the draw")
    pixels: Pixels = Field(512, description="longest side of a picture on the page; larger ones are shrunk")
    judgements: list[PathText] = Field(
        [], max_length=2, description="CSV files that two people saved from the page; none: nothing is said of people"
    )
    kappa: float = Field(
        0.6, ge=0, lt=1, description="Cohen's kappa above which judges agree well (Landis and Koch: substantial)"
    )

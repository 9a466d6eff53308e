"""Parameters of tables, intervals and verdicts."""

from typing import Annotated, Literal

from pydantic import Field

from viper.config.base import Count, Few, Section, Seed


class Analysis(Section):
    """How the uncertainty of every number in the tables is computed."""

    split: str = Field(min_length=1, description="the benchmark split that is reported")
    resamples: Annotated[Count, Field(ge=100)] = Field(
        description="bootstrap resamples; the error of an interval's end falls as 1/√n"
    )
    confidence: float = Field(gt=0.5, lt=1, description="confidence level of the intervals")
    margin: float = Field(
        ge=0,
        le=100,
        description="points that count as no difference: 'at least as high' holds where the score is not lower by "
        "more, and two ways of training are equal where the whole interval of their difference is closer to zero",
    )
    seed_spread: float = Field(
        ge=0,
        le=100,
        description="points; the standard deviation that seeds are taken to have, at least, where it is said what "
        "effects a design can find. No interval and no verdict uses it: these take the spread that was measured",
    )
    seed: Seed = Field(description="seed of the resampling, so that the tables have the same bytes every time")
    published_model: Literal["3B", "7B"] = Field(description="whose published figures the figures show")
    reward_window: Few = Field(
        9,
        description="steps that a reward curve is smoothed over: each point is the mean of as many steps up to it",
    )

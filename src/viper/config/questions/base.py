"""What every open question has: lineages, and the split that scores them."""

from typing import Annotated, ClassVar

from pydantic import Field

from viper.config.base import Section

SplitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Question(Section):
    """One open question: the lineages that answer it, and the items that they are asked."""

    needs_truth: ClassVar[bool] = False  # whether it is asked of drawn pictures alone

    lineages: list[str] = Field(
        min_length=1, description="what is trained and compared; the first is what others are held to"
    )
    split: SplitName = Field("test", description="which of evaluation.splits scores them, where benchmarks do")

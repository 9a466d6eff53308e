"""The question `skills`: which fine-grained skills rise, which fall?"""

from itertools import pairwise
from typing import Annotated

from pydantic import Field, field_validator

from viper.config.base import Count, Seed
from viper.config.questions.base import Question

Contrast = Annotated[float, Field(gt=0, le=1)]


class Skills(Question):
    """One set of drawn probes for each skill, asked at several strengths of the lens."""

    seed: Seed = Field(description="seed of the probes; their pictures are those of the split's `pictures`")
    items: Annotated[Count, Field(ge=4)] = Field(
        description="probes of each skill; every one is asked at every contrast"
    )
    contrasts: Annotated[list[Contrast], Field(min_length=4)] = Field(
        description="strengths of the lens (models.vlm.lens.contrast), falling; 1: clear pictures"
    )

    @field_validator("contrasts")
    @classmethod
    def _check_contrasts(cls, contrasts: list[float]) -> list[float]:
        if any(later >= earlier for earlier, later in pairwise(contrasts)):
            raise ValueError(f"{contrasts} does not fall: name each contrast once, the clearest first")
        return contrasts

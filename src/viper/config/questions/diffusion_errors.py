"""The question `diffusion_errors`: whose mistake is a refinement, and does the model learn the painter's?"""

from typing import ClassVar

from pydantic import Field

from viper.config.base import Count, Natural, Seed, Tokens
from viper.config.questions.base import Question


class DiffusionErrors(Question):
    """Whose mistake a refinement is, and whether a model that is trained on refinements learns the painter's.

    Each trained lineage is asked beside the checkpoint that made its data; a lineage that is not trained is not asked.
    """

    needs_truth: ClassVar[bool] = True

    pairs: Count = Field(400, description="rows of its CSR data set that a lineage is asked about, at most")
    true_captions: Count = Field(400, description="drawn pictures whose captions are right, and nothing was painted")
    temperature: float = Field(
        1.0, gt=0, le=10, description="of the sampled answers; that of training, whose rewards are meant"
    )
    max_new_tokens: Tokens = Field(144, description="of an answer")
    seed: Seed = Field(4001, description="of the drawn pictures; benchmarks and seed images have others")
    least: Natural = Field(3, description="a kind that was mistaken for its commonest other less often has no habit")

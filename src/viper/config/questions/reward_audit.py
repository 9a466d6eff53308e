"""The question `reward_audit`: embedder, threshold, and hacking of the reward."""

from typing import Annotated, Literal

from pydantic import Field

from viper.config.base import Count, Section
from viper.config.questions.base import Question
from viper.config.reward import Embedder, Tau

EmbedderName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Alarm(Section):
    """Where a monitored step is called suspicious."""

    copied: Share = Field(description="at this share of sentences that stand in the prompt, or more")
    distinct: Annotated[float, Field(ge=1)] = Field(description="below this mean number of distinct answers a group")
    precision: Share = Field(description="below this share of rewarded sentences that are true, where truth is known")


class RewardAudit(Question):
    """Saved rollouts and answers that try to cheat, scored under every setting of the reward."""

    embedders: dict[EmbedderName, Embedder] = Field(min_length=1, description="name → sentence embedder")
    taus: list[Tau | Literal["calibrated"]] = Field(
        min_length=1, description="thresholds; 'calibrated': chosen for each embedder by reward.calibration"
    )
    generic: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1, description="sentences that are safe to say of any picture"
    )
    repeats: Annotated[Count, Field(ge=2, le=100)] = Field(description="how often the repeated sentence is said")
    candidates: Annotated[Count, Field(ge=2, le=500)] = Field(
        description="statements that the answer lists which names all candidates"
    )
    alarm: Alarm

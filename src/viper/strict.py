"""Records that are read from files: every key is known, and no value is taken for one of another type."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A record whose unknown keys are refused, with finite numbers, that nobody changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

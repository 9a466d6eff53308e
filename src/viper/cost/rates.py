"""The file of rates beside this module, checked."""

from importlib.resources import files

import yaml
from pydantic import Field

from viper.strict import Strict


class ModelRate(Strict):
    """How fast one model is; what the units mean stands in rates.yaml."""

    start: float = Field(ge=0, description="seconds")
    token: float | None = Field(None, gt=0, description="seconds")
    read: float = Field(0, ge=0, description="seconds")
    sampled: float | None = Field(None, gt=0, description="seconds")
    trained: float | None = Field(None, gt=0, description="seconds")
    example: float | None = Field(None, gt=0, description="seconds")
    looped: float = Field(0, ge=0, description="seconds")
    shown: float = Field(0, ge=0, description="seconds")
    # `pass` is a keyword of Python.
    denoising: float | None = Field(None, gt=0, description="seconds", alias="pass")
    gigabytes: float = Field(gt=0)
    picture: float = Field(0, ge=0, description="megabytes")


class Photograph(Strict):
    """What one photograph takes until it is a seed image."""

    seconds: float = Field(gt=0)
    megabytes: float = Field(gt=0)


class Saving(Strict):
    """Other values of a scale that cost less, and what else they change."""

    name: str
    values: dict[str, int | float | str] = Field(min_length=1, description="dotted place of a scale → value")
    instead: dict[str, str] = Field({}, description="place → the value that a scale must have there to be offered this")
    source: str = Field(description="where it comes from, and what it changes besides")


class Rates(Strict):
    """All rates."""

    models: dict[str, ModelRate]
    light: dict[str, float] = Field(description="pattern of rules → seconds of one job")
    guessed: dict[str, float] = Field(description="rule → seconds of one job")
    photograph: Photograph
    download: float = Field(gt=0, description="megabytes per second")
    items: dict[str, int] = Field(description="official benchmark → its items")
    shown: dict[str, int] = Field(description="official benchmark → tokens of the pictures of its mean item")
    savings: list[Saving]


def read_rates() -> Rates:
    """Return the rates that come with the package."""
    text = files("viper.cost").joinpath("rates.yaml").read_text(encoding="utf-8")
    return Rates.model_validate(yaml.safe_load(text))

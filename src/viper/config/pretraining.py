"""The section `pretraining` of params.yaml: how the base models are trained on the drawn world."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, field_validator

from viper.config.base import Batch, Count, Few, Natural, Section, Seed, Width

FamilyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Task = Literal["caption", "csr", "critique", "refine", "entities", "vop", "question"]


class Fit(Section):
    """One training run by AdamW."""

    steps: Count
    batch_size: Batch
    learning_rate: float = Field(gt=0, le=1)
    seed: Seed


class AutoencoderFit(Section):
    """Principal components: nothing but pictures to take them from."""

    pictures: Count
    seed: Seed


class DenoiserFit(Fit):
    """The UNet of painter and editor: also how many captions, and how many edits, are encoded once and drawn from."""

    examples: Count
    channels: tuple[Width, Width] = Field(strict=False, description="of the levels 16x16 and 8x8")


class LanguageFit(Fit):
    """One stage of the VLM's language side: also what is practised, and how the batches are cut."""

    tasks: dict[Task, NonNegativeFloat] = Field(description="share of each task, in sum 1")
    blur: NonNegativeFloat = Field(
        0.0, le=100, description="most that the second picture of a critique is softened, in pixels"
    )

    easy_steps: Natural = Field(description="steps at the start with one- and two-object pictures only")
    micro_batches: Few = Field(description="parts of a batch, sorted by length, to waste less on padding")

    hasty: float | None = Field(
        None, ge=0, le=1, description="share of the examples that are reasoned by a glance; null: thoughts of any kind"
    )

    seldom: list[str] = Field(
        [],
        description="kinds of questions, as BENCHMARK/KIND, that are asked a fifth as often as the others",
    )

    @field_validator("tasks")
    @classmethod
    def _shares_add_up(cls, tasks: dict[Task, float]) -> dict[Task, float]:
        if abs(sum(tasks.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of the tasks add up to {sum(tasks.values()):g}: they must add up to 1")
        return tasks


class VlmFit(Section):
    """The base VLM: first its eyes, then its language."""

    family: Literal["qwen2_5_vl", "internvl"] = Field(
        "qwen2_5_vl", exclude_if=lambda family: family == "qwen2_5_vl", description="whose classes it is of"
    )
    vision: Fit
    language: list[LanguageFit] = Field(min_length=1, description="stages, one after the other")


class LatentsFit(Section):
    """What painter and editor share: the autoencoder and the text encoder."""

    autoencoder: AutoencoderFit
    text_encoder: Fit


class Pretraining(Section):
    """One part per rule of rules/pretrain.smk."""

    vlm: VlmFit
    families: dict[FamilyName, VlmFit] = Field(
        {},
        description="further base VLMs, by the name of their folder; what each extends has the recipe of the first",
        exclude_if=lambda families: not families,
    )
    latents: LatentsFit
    diffusion: DenoiserFit
    checker: Fit

"""The section `pretraining` of params.yaml: how the base models are trained on the drawn world."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fit(_Part):
    """One training run by AdamW."""

    steps: int = Field(ge=1)
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    seed: int = Field(ge=0)


class AutoencoderFit(_Part):
    """Principal components: nothing but pictures to take them from."""

    pictures: PositiveInt
    seed: int = Field(ge=0)


class DenoiserFit(Fit):
    """The UNet of painter and editor: also how many captions, and how many edits, are encoded once and drawn from."""

    examples: PositiveInt
    channels: tuple[PositiveInt, PositiveInt] = Field(description="of the levels 16x16 and 8x8")


class LanguageFit(Fit):
    """The VLM's language side: also how the curriculum and the batches are cut."""

    easy_steps: int = Field(ge=0, description="steps at the start with one- and two-object pictures only")
    micro_batches: PositiveInt = Field(description="parts of a batch, sorted by length, to waste less on padding")


class VlmFit(_Part):
    """The base VLM: first its eyes, then its language."""

    vision: Fit
    language: LanguageFit


class LatentsFit(_Part):
    """What painter and editor share: the autoencoder and the text encoder."""

    autoencoder: AutoencoderFit
    text_encoder: Fit


class Pretraining(_Part):
    """One part per rule of rules/pretrain.smk."""

    vlm: VlmFit
    latents: LatentsFit
    diffusion: DenoiserFit
    checker: Fit

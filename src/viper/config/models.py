"""The section `models` of params.yaml: which weights play which part, and how they are run."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from viper.config.hub import Pinned
from viper.config.paths import PathText

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto: a GPU where there is one")]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Engine = Annotated[
    Literal["transformers", "vllm", "auto"],
    Field(description="what generates; auto: vLLM where it is installed and there is a GPU, transformers otherwise"),
]
Part = Literal["vlm", "painter", "editor", "embedder"]


class JobSection(BaseModel):
    """What one shard of a step asks a cluster for; a change re-runs nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(1, ge=1)
    gpu: int = Field(0, ge=0)
    mem_mb: int = Field(3000, ge=100, description="megabytes")
    runtime: int = Field(60, ge=1, description="minutes")


class VlmSection(BaseModel):
    """The base VLM: any transformers `AutoModelForImageTextToText` with its `AutoProcessor`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: PathText = Field(description="folder of the base; trained lineages have their own")
    device: Device = "auto"
    dtype: Dtype = Field("auto", description="auto: bfloat16 on a GPU, float32 on a CPU")
    engine: Engine = "transformers"
    batch_size: int = Field(32, ge=1, description="chats a generation batch; vLLM makes its own batches")
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    processor: dict[str, int] = Field(
        {}, description="options of AutoProcessor.from_pretrained, for example min_pixels and max_pixels of an image"
    )
    job: JobSection = JobSection()


class Caching(BaseModel):
    """Reuse of what the denoiser computed in the step before (diffusers' caching hooks): faster, and not the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["first_block", "taylorseer", "mag"] = Field(
        "first_block", description="diffusers' FirstBlockCacheConfig, TaylorSeerCacheConfig or MagCacheConfig"
    )
    arguments: dict[str, Any] = Field({}, description="of that configuration, for example threshold: 0.08")


class PipelineSection(BaseModel):
    """A diffusers pipeline: any that `DiffusionPipeline.from_pretrained` loads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: PathText = Field(description="folder of the pipeline")
    device: Device = "auto"
    dtype: Dtype = Field("auto", description="auto: bfloat16 on a GPU, float32 on a CPU")
    batch_size: int = Field(32, ge=1, description="pictures a call; 1 where the pipeline takes one at a time")
    trust_remote_code: bool = Field(
        False, description="run the code that the folder brings; only where models.hub pins the folder by its commit"
    )
    pipeline_class: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*\.[A-Za-z_]\w*$",
        description="module.Class of a pipeline that diffusers does not have; null: the one that the folder names",
    )
    compile: dict[str, Any] | None = Field(
        None, description="torch.compile the denoiser's repeated blocks, with these arguments ({}: none); null: do not"
    )
    caching: Caching | None = Field(None, description="null: every step is computed whole")
    arguments: dict[str, Any] = Field(
        {}, description="passed to the pipeline's call: num_inference_steps, guidance_scale, height, width …"
    )
    job: JobSection = JobSection()


class EditorSection(PipelineSection):
    """A pipeline that also takes a picture."""

    image_argument: Literal["image", "input_images"] = Field(
        "image", description="the call's name for the picture; input_images: a list of pictures a prompt"
    )


class Fidelity(BaseModel):
    """How the base models are measured against the drawn world's truth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(200, ge=8, description="pictures per measurement; none was trained on")
    seed: int = Field(0, ge=0)


class Models(BaseModel):
    """The models that the loop starts from. (The sentence embedder is part of the reward: `reward.embedder`.)"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["stored", "trained", "hub"] = Field(
        description="stored: fetched from the repository's own store; trained: made by rules (hours); hub: downloaded"
    )
    hub: dict[Part, Pinned] = Field({}, description="part → OWNER/NAME@COMMIT; its path follows; only for source: hub")
    cache: PathText = Field("cache", description="folder that keeps what was downloaded, apart from outputs")
    vlm: VlmSection
    painter: PipelineSection
    editor: EditorSection
    checker: PathText | None = Field(
        None, min_length=1, description="folder of the classifier that reads pictures of the micro world; audits only"
    )

    fidelity: Fidelity = Fidelity()

    @model_validator(mode="after")
    def _hub_names_every_part(self) -> "Models":
        missing = [part for part in ("vlm", "painter", "editor") if part not in self.hub]
        if self.source == "hub" and missing:
            raise ValueError(
                f"source is 'hub' but hub does not name {', '.join(missing)}: add OWNER/NAME@COMMIT for each"
            )
        if self.source != "hub" and self.hub:
            raise ValueError(
                f"hub names {', '.join(self.hub)} but source is '{self.source}': set source: hub or drop hub"
            )
        return self

    @model_validator(mode="after")
    def _only_pinned_code_is_run(self) -> "Models":
        for part in ("painter", "editor"):
            if getattr(self, part).trust_remote_code and part not in self.hub:
                raise ValueError(
                    f"{part}.trust_remote_code runs the code of a folder that no commit pins: name the model in "
                    "models.hub as OWNER/NAME@COMMIT, or set it to false"
                )
        return self

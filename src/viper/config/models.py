"""The section `models` of params.yaml: which weights play which part, and how they are run."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from viper.config.base import Area, Batch, Count, Few, LeaveOutNull, Natural, Pixels, Section, Seed, Tokens, suggestion
from viper.config.hub import Pinned
from viper.config.paths import PathText

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto: a GPU where there is one")]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Engine = Annotated[
    Literal["transformers", "vllm", "auto"],
    Field(description="what generates; auto: vLLM where it is installed and there is a GPU, transformers otherwise"),
]
Attention = Annotated[
    Literal["auto", "sdpa", "eager", "flash_attention_2"],
    Field(
        description="transformers' implementation of attention; auto: its own choice, sdpa where the model has it; "
        "flash_attention_2: needs the package flash-attn, a GPU, and half precision"
    ),
]
Part = Literal["vlm", "painter", "editor", "embedder"]
PaintedSide = Annotated[Pixels, Field(ge=64, multiple_of=16)]  # what the largest latents and patches divide


# Options of the image processors of transformers' vision-language models; each has some of them.
PROCESSOR = ("min_pixels", "max_pixels", "min_patches", "max_patches", "crop_to_patches", "max_image_tiles")

# Arguments of the calls of diffusers' pipelines, by what they hold; each pipeline has some of them, and holds
# its own to them when it is loaded.
SIZES = ("height", "width")
COUNTS = (
    *SIZES, "num_inference_steps", "max_sequence_length", "max_input_image_side_length", "max_pixels", "clip_skip",
)  # fmt: skip
SCALES = (
    "guidance_scale", "image_guidance_scale", "text_guidance_scale", "true_cfg_scale", "guidance_rescale", "eta",
    "strength", "cfg_truncation", "denoising_end",
)  # fmt: skip
TEXTS = ("negative_prompt", "negative_prompt_2", "prompt_2", "system_prompt")
FLAGS = ("use_resolution_binning", "align_res", "cfg_normalization", "_auto_resize")
LISTS = ("sigmas", "timesteps", "cfg_range", "original_size", "target_size", "crops_coords_top_left")
MAPPINGS = ("attention_kwargs", "cross_attention_kwargs")
ARGUMENTS = (*COUNTS, *SCALES, *TEXTS, *FLAGS, *LISTS, *MAPPINGS)


def _wanted(name: str, value: Any) -> str | None:
    """What the argument `name` of a pipeline must be, where `value` is not that; null leaves the choice to it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        return None
    if name in SIZES:
        fits = is_number and isinstance(value, int) and 8 <= value <= 16_384 and value % 8 == 0
        return None if fits else "must be a multiple of 8, of at most 16384 pixels"
    if name in COUNTS:
        most = 2**28 if name == "max_pixels" else 100_000
        fits = is_number and isinstance(value, int) and 1 <= value <= most
        return None if fits else f"must be a whole number of at least 1, at most {most:,}"
    if name in SCALES:
        return None if is_number and 0 <= value <= 1000 else "must be a number from 0 to 1000"
    if name in TEXTS:
        return None if isinstance(value, str) else "must be text: put it in quotes"
    if name in FLAGS:
        return None if isinstance(value, bool) else "must be true or false"
    if name in LISTS:
        numbers = value if isinstance(value, list) else [None]
        fits = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
        return None if fits else "must be a list of numbers"
    if name in MAPPINGS:
        return None if isinstance(value, dict) else "must be a section of keys and values"
    return None


def _check_names(section: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Stop at a name that no model takes.

    Raises:
        ValueError: which one, and the closest known name.
    """
    for name in given:
        if name not in known:
            raise ValueError(f"{section}.{name} = {given[name]!r}: unknown; {suggestion(name, known, known)}")


def check_processor(processor: dict[str, Any]) -> None:
    """Stop at options that no image processor takes, or that allow no image.

    Raises:
        ValueError: which one, and the closest known name.
    """
    _check_names("processor", processor, PROCESSOR)
    for what in ("pixels", "patches"):
        least, most = processor.get(f"min_{what}"), processor.get(f"max_{what}")
        if least is not None and most is not None and least > most:
            raise ValueError(f"processor: min_{what} {least} exceeds max_{what} {most}: lower the first")


class JobSection(Section):
    """What one shard of a step asks a cluster for; a change re-runs nothing."""

    threads: Few = 1
    gpu: Annotated[Natural, Field(le=1000)] = 0
    mem_mb: Annotated[Count, Field(ge=100)] = Field(3000, description="megabytes")
    runtime: Count = Field(60, description="minutes")


class Lens(Section):
    """What stands between the pictures and the VLM (`viper.models.lens`)."""

    contrast: float = Field(
        gt=0, le=1, description="share of its distance to the picture's mean grey that a pixel keeps; 1: all of it"
    )


class Vllm(Section):
    """How much of a GPU vLLM takes; where an engine is not vLLM, nothing reads this."""

    max_length: Tokens | None = Field(
        None,
        description="tokens of a prompt, images included, and its completion, at most (vLLM's max_model_len): there "
        "must be room for one such sequence; null: as many as the model can, 128,000 for Qwen2.5-VL",
    )
    gpu_share: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="of the GPU's memory, for weights, activations and the cache of keys and values together (vLLM's "
        "gpu_memory_utilization): so much must be free when it starts",
    )
    sleep: bool = Field(
        False,
        description="give the memory of weights and cache back while nothing is asked (vLLM's enable_sleep_mode), for "
        "whatever else is on the GPU; waking up takes seconds",
    )

    def check_room(self, place: str, key: str, tokens: int) -> None:
        """Stop where an answer leaves no room for its prompt.

        Args:
            place: where these settings stand.
            key: the parameter by which an answer may have so many tokens.

        Raises:
            ValueError: both parameters with their values.
        """
        if self.max_length is not None and self.max_length <= tokens:
            raise ValueError(
                f"{place}.max_length {self.max_length} leaves no room for a prompt beside {key} {tokens}: raise the "
                "first, or lower the second"
            )


VLLM_PLACE = "models.vlm.vllm"  # where those of a scale's VLM stand, for messages


class VlmSection(Section):
    """The base VLM: any transformers `AutoModelForImageTextToText` with its `AutoProcessor`."""

    path: PathText = Field(description="folder of the base; trained lineages have their own")
    device: Device = "auto"
    dtype: Dtype = Field("auto", description="auto: bfloat16 on a GPU, float32 on a CPU")
    engine: Engine = "transformers"
    vllm: Vllm = Vllm()
    batch_size: Batch = Field(32, description="chats a generation batch; vLLM makes its own batches")
    attention: Attention = "auto"
    processor: Annotated[dict[str, Area], LeaveOutNull] = Field(
        {}, description="options of AutoProcessor.from_pretrained, for example min_pixels and max_pixels of an image"
    )
    lens: Lens | None = Field(
        None,
        description="how the world looks otherwise than the one that the VLM was taught on; null: as it is, which for "
        "photographs is other enough",
    )
    job: JobSection = JobSection()

    @model_validator(mode="after")
    def _check_lens(self) -> "VlmSection":
        if self.lens and self.engine != "transformers":
            raise ValueError(
                f"lens does not go together with engine {self.engine}, whose pictures are prepared elsewhere: set "
                "engine to transformers, or lens to null"
            )
        return self

    @model_validator(mode="after")
    def _check_device(self) -> "VlmSection":
        if self.engine == "vllm" and self.device in ("cpu", "mps"):
            raise ValueError(f"engine vllm is for GPUs, and device is {self.device}: set engine: auto")
        if self.attention == "flash_attention_2" and (self.device in ("cpu", "mps") or self.dtype == "float32"):
            raise ValueError(
                f"attention flash_attention_2 is for device cuda and dtype bfloat16, not for {self.device} and "
                f"{self.dtype}: set attention: sdpa"
            )
        return self

    @model_validator(mode="after")
    def _check_processor(self) -> "VlmSection":
        check_processor(self.processor)
        return self


class Caching(Section):
    """Reuse of what the denoiser computed in the step before (diffusers' caching hooks): faster, and not the same."""

    method: Literal["first_block", "taylorseer", "mag"] = Field(
        "first_block", description="diffusers' FirstBlockCacheConfig, TaylorSeerCacheConfig or MagCacheConfig"
    )
    arguments: dict[str, Any] = Field({}, description="of that configuration, for example threshold: 0.08")


class Corruption(Section):
    """What a painter or editor is told wrong, to see how much hangs on its fidelity (`viper.models.misled`)."""

    share: float = Field(
        gt=0, le=1, description="of the facts of a text (kind, color, size, place, shade, texture), each by itself"
    )
    seed: Seed = 0


class PipelineSection(Section):
    """A diffusers pipeline: any that `DiffusionPipeline.from_pretrained` loads."""

    path: PathText = Field(description="folder of the pipeline")
    hand: Literal["pipeline", "world"] = Field(
        "pipeline",
        description="who does the work; world: what draws the drawn world, which makes no mistake: an upper limit",
    )
    corrupt: Corruption | None = Field(
        None, description="facts that it is told wrong; null: it gets every text as it is. Drawn worlds only"
    )
    device: Device = "auto"
    dtype: Dtype = Field("auto", description="auto: bfloat16 on a GPU, float32 on a CPU")
    batch_size: Batch = Field(32, description="pictures a call; 1 where the pipeline takes one at a time")
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

    @model_validator(mode="after")
    def _check_arguments(self) -> "PipelineSection":
        # A pipeline that diffusers does not have takes what it takes; a list of pictures marks one of these.
        if self.pipeline_class is None and getattr(self, "image_argument", "image") == "image":
            _check_names("arguments", self.arguments, ARGUMENTS)
        for name, value in self.arguments.items():
            if problem := _wanted(name, value):
                raise ValueError(f"arguments.{name} {value!r}: {problem}")
        return self


class PainterSection(PipelineSection):
    """A pipeline that paints a text."""

    sizes: list[Annotated[tuple[PaintedSide, PaintedSide], Field(strict=False)]] = Field(
        [],
        description="(width, height) of the pictures that it may paint: each gets the one whose aspect ratio is "
        "nearest to its photograph's; none: the height and width of `arguments` for all",
    )

    @model_validator(mode="after")
    def _size_is_said_once(self) -> "PainterSection":
        named = [name for name in SIZES if self.arguments.get(name) is not None]
        if self.sizes and named:
            raise ValueError(
                f"sizes and arguments.{' and '.join(named)} both say how large pictures are: take one of them out"
            )
        return self


class EditorSection(PipelineSection):
    """A pipeline that also takes a picture."""

    image_argument: Literal["image", "input_images"] = Field(
        "image", description="the call's name for the picture; input_images: a list of pictures per prompt"
    )


class Fidelity(Section):
    """How the base models are measured against the drawn world's truth."""

    pictures: Annotated[Count, Field(ge=8)] = Field(200, description="pictures per measurement; none was trained on")
    seed: Seed = 0


class Models(Section):
    """The models that the loop starts from. (The sentence embedder is part of the reward: `reward.embedder`.)"""

    source: Literal["stored", "trained", "hub"] = Field(
        description="stored: fetched from the repository's store; trained: made by rules (hours); hub: downloaded"
    )
    hub: dict[Part, Pinned] = Field({}, description="part → OWNER/NAME@COMMIT; its path follows; only for source: hub")
    cache: PathText = Field("cache", description="folder that keeps what was downloaded, apart from outputs")
    vlm: VlmSection
    painter: PainterSection
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

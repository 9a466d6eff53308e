"""The section `synthesis` of params.yaml: how the two data sets are made from the seed images."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from viper.config.base import Count, Few, Natural, Section, Tokens

OperationType = Literal["color", "size", "shape", "text", "position", "add", "remove", "count"]
PromptSet = Literal["micro", "paper"]
Labels = Literal["loop", "truth", "shuffled"]
Premise = Literal["seen", "added"]
Criticized = Literal["image", "reconstruction"]
Share = Annotated[float, Field(gt=0, le=1)]


class Answering(Section):
    """How the VLM answers in one step."""

    max_new_tokens: Tokens = Field(description="longest completion")
    temperature: float = Field(
        0.0, ge=0, le=10, description="0: greedy; otherwise sampled with a seed of the row's own"
    )


class Critiquing(Answering):
    """How the critic answers, and how often a refinement must come back to be kept."""

    picture: Criticized = Field(
        "image",
        description="of which picture a caption is criticized. image: the seed image, by comparing it with the "
        "reconstruction; reconstruction: it, whose own caption is known; what a further caption of the seed image says "
        "otherwise is then known without looking, and no critic is asked",
    )
    max_texts: Natural | None = Field(
        None,
        description="a caption with more texts than this is not held to its reconstruction, since painters misspell; "
        "null: all are",
    )
    answers: Annotated[Few, Field(ge=1)] = Field(1, description="how many times the critic is asked about a caption")
    least: Annotated[Few, Field(ge=1)] = Field(1, description="a refinement is kept that so many of the answers have")

    @model_validator(mode="after")
    def _answers_differ(self) -> "Critiquing":
        if self.picture == "reconstruction" and self.answers > 1:
            raise ValueError(
                f"answers is {self.answers}, and nobody is asked about a reconstruction: set it to 1, or picture: image"
            )
        if self.picture == "image" and self.max_texts is not None:
            raise ValueError(
                f"max_texts is {self.max_texts}, and a critic sees both pictures: set it to null, or picture: "
                "reconstruction"
            )
        if self.least > self.answers:
            raise ValueError(
                f"least {self.least} exceeds answers {self.answers}: no refinement would be kept; lower it"
            )
        if self.answers > 1 and self.temperature == 0:
            raise ValueError(f"answers is {self.answers} at temperature 0, where all are the same: raise temperature")
        return self


class Opinions(Section):
    """Further captions of each picture: what few of them say is not built upon."""

    captions: Annotated[Natural, Field(le=1000)] = Field(description="how many further captions are sampled; 0: none")
    least: Annotated[Natural, Field(le=1000)] = Field(
        description="an entity, or that a place is free, counts where so many of these captions agree"
    )

    @model_validator(mode="after")
    def _some_agree(self) -> "Opinions":
        if self.least > self.captions:
            raise ValueError(f"least {self.least} exceeds captions {self.captions}: nothing would be kept; lower it")
        return self


class Again(Section):
    """How a chat is asked once more whose answer cannot be read."""

    temperature: float = Field(gt=0, le=10, description="of this asking: a greedy one would be answered the same")
    begin: Annotated[str, Field(max_length=1000)] = Field("", description="what this answer is made to begin with")


class Answers(Section):
    """How the VLM's answers are read in every step, and what is done about one that cannot be."""

    accept: Literal["format", "any"] = Field(
        description="format: only <think>…</think><answer>…</answer>; any: what is there, such as a text without tags; "
        "of one that no tag closes, what is before its last whole sentence or line ends"
    )
    begin: Annotated[str, Field(max_length=1000)] = Field(
        "", description="what every answer is made to begin with, such as <think>"
    )
    again: Again | None = Field(None, description="asked again, once, where an answer cannot be read; null: not")


class Pilot(Section):
    """The loop on a few images before all else, to forecast how many rows the data sets will have."""

    images: Annotated[Count, Field(ge=8, le=10_000)] = Field(description="the first so many of the first shard")
    confidence: float = Field(
        gt=0.5,
        lt=1,
        description="nothing more is synthesized where the data sets will be too small with this probability",
    )


class OperationsSection(Section):
    """The hand-written heuristics that turn hard entities into operations."""

    language: Literal["micro", "english"] = Field(
        description="micro: the grammar of the drawn world; english: entities as fields between bars, English templates"
    )
    max_operations: Annotated[Few, Field(le=5)] = Field(3, description="each picture gets one to so many operations")
    types: list[OperationType] = Field(
        ["color", "size", "shape", "text", "position", "add", "remove", "count"], min_length=1
    )
    premise: Premise = Field(
        "seen",
        description="what an operation starts from. seen: an entity that the VLM names; added: something that the "
        "editor has put into the picture just before, of which the VLM need not have seen anything",
    )

    @model_validator(mode="after")
    def _types_are_distinct(self) -> "OperationsSection":
        if len(set(self.types)) < len(self.types):
            raise ValueError(f"types names one twice: {', '.join(self.types)}; keep each once")
        if self.premise == "added" and self.max_operations > 1:
            raise ValueError(
                f"max_operations is {self.max_operations}, and only one thing is added to a picture to start from: "
                "set it to 1, or premise: seen"
            )
        return self


class EditSection(Section):
    """How the operations of a picture are carried out, and when an edit counts as failed."""

    one_by_one: bool = Field(
        description="true: one call of the editor an operation, each on the last result; false: all in one call"
    )
    compare: Literal["pixels", "aligned"] = Field(
        "pixels",
        description="pixels: each with the one in its place; aligned: the original is laid over the result first, its "
        "tones are fitted, and what a null edit of the same picture explains is taken off (viper.synthesis.effects)",
    )
    min_change: float = Field(
        ge=0,
        le=1,
        description="absolute difference (of 0..1, mean over one of 16x16 fields) that each edit must exceed somewhere",
    )
    max_spread: float = Field(
        1.0, gt=0, le=1, description="share of the fields that may differ by more: an edit is of a part of the picture"
    )
    max_change: float = Field(
        gt=0,
        le=1,
        description="mean absolute difference beyond which the picture was not edited but painted anew",
    )

    @model_validator(mode="after")
    def _some_edit_counts(self) -> "EditSection":
        if self.min_change > self.max_change:
            raise ValueError(
                f"min_change {self.min_change} exceeds max_change {self.max_change}: every edit would count as failed; "
                "lower the first or raise the second"
            )
        return self


class Synthesis(Section):
    """The loop's synthesis, and the sizes of what comes out of it."""

    prompts: PromptSet = Field(description="folder of src/viper/prompts/ whose words the VLM is asked with")
    csr_size: Count = Field(description="rows of the Caption Self-Refining data set (paper: 7000)")
    vop_size: Count = Field(description="rows of the Visual-Operation Predicting data set (paper: 3000)")
    vop_share: Share = Field(
        1.0,
        description="share of the seed images that are refined and edited; the others serve CSR only (saves editing)",
    )
    shards: Few | None = Field(
        None,
        description="so many of the seed images' shards make the data sets, the first ones; null: all. What a variant "
        "leaves out, nobody synthesizes for it",
    )
    vop_held_out: Natural = Field(
        0, description="pairs of pictures in vop/test.parquet, whose images are in neither data set"
    )
    allow_fewer: bool = Field(False, description="true: too few usable rows shrink both data sets, in proportion")
    labels: Labels = Field(
        description="loop: what critic and heuristics say; truth: what drawn pictures show, as a ceiling: captions are "
        "labelled by it, and pairs with an untrue statement dropped; shuffled: what the loop says of another row, as a "
        "control of what training gives whatever labels say",
    )
    pilot: Pilot | None = Field(None, description="null: no images are tried beforehand")
    answers: Answers
    caption: Answering
    critique: Critiquing
    refine: Answering
    entities: Answering
    opinions: Opinions
    operations: OperationsSection
    edit: EditSection

    @model_validator(mode="after")
    def _opinions_differ(self) -> "Synthesis":
        if self.opinions.captions and self.caption.temperature == 0:
            raise ValueError(
                "opinions are asked like captions, and at caption.temperature 0 all are the same: raise it or set "
                "opinions.captions to 0"
            )
        return self

    @model_validator(mode="after")
    def _captions_of_a_reconstruction_differ(self) -> "Synthesis":
        if self.critique.picture == "image":
            return self
        if self.caption.temperature == 0:
            raise ValueError(
                "critique.picture is reconstruction, which needs a second caption of each image, and at "
                "caption.temperature 0 both are the same: raise it"
            )
        if self.operations.language != "micro":
            raise ValueError(
                "critique.picture is reconstruction, and captions in English cannot be held to each other: set "
                "critique.picture: image"
            )
        if self.labels == "truth":
            raise ValueError(
                "labels is truth, which is known of seed images, and critique.picture is reconstruction: set one of "
                "them otherwise"
            )
        return self

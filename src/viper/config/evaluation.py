"""The section `evaluation` of params.yaml: which benchmarks, drawn how, and asked how."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from viper.completion import is_well_formed, write
from viper.config.base import Area, Batch, Count, LeaveOutNull, Section, Seed, Tokens
from viper.config.models import VLLM_PLACE, Vllm, VlmSection, check_processor
from viper.config.paths import PathText
from viper.evaluation.registry import names
from viper.lineage import split_control

# The paper's name of a benchmark: a column of its tables.
Column = Literal["MMStar", "RealWorldQA", "MME-RW", "BLINK", "Mantis", "HallusionBench", "CRPE"]


class Split(Section):
    """One draw of every benchmark of the micro world; of official data, how many of the first items are taken."""

    seed: Seed = Field(0, description="seed of the items; official data have none")
    size: Count | None = Field(
        None,
        ge=4,
        description="items per benchmark (of HallusionBench: sets of figures; of CRPE: questions with their turns); "
        "null: all, for official data only",
    )
    pictures: Literal["dev", "test"] = Field(
        "test", description="which pictures it may use: those of 'dev' and 'test' never overlap, nor with training's"
    )


Percent = Annotated[float, Field(ge=0, le=100)]


class Admission(Section):
    """When a kind of question of the drawn benchmarks is admitted, measured on the base (`viper.evaluation.admission`).

    In percent right, in every way in which the base is asked.
    """

    seed: Seed = Field(description="seed of the items; their pictures are those of 'dev'")
    items: Annotated[Count, Field(ge=50)] = Field(description="items of each kind that are asked")
    least_clear: Percent = Field(description="at least so many right without the lens: the base knows the task")
    shifted: Annotated[tuple[Percent, Percent], Field(strict=False)] = Field(
        description="from, to: right through the lens: something is seen, and something is left to see better"
    )

    @model_validator(mode="after")
    def _check_shifted(self) -> "Admission":
        low, high = self.shifted
        if low >= high:
            raise ValueError(f"shifted {low:g} to {high:g} is empty: put the lower one first")
        return self


class Asking(Section):
    """How a model is asked, the same for every benchmark."""

    max_new_tokens: Tokens = Field(description="tokens of a completion, its reasoning included")
    instruction: str = Field(
        "", description="added to every prompt; how the model is asked to reason, where it must be"
    )
    begin: str = Field("", description="what every answer is made to begin with")
    batch_ahead: Batch = Field(512, description="items read and answered together before VLMEvalKit asks for them")


class Otherwise(Section):
    """What is other about how a control asks; what is null is as in `asking`."""

    begin: str = Field("", description="what every answer is made to begin with")
    instruction: str | None = Field(None, description="in place of asking.instruction; '': the benchmark's own prompt")


class AttentionSection(Section):
    """How attention on the held-out pairs is measured: from their own statements, the same text for all lineages."""

    think: str = Field(description="reasoning put before the statements, whoever is measured; '': none")
    changed: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="a field has changed where it differs by more than this share of the largest difference",
    )

    @field_validator("think")
    @classmethod
    def _check_think(cls, think: str) -> str:
        if not is_well_formed(write(think, "Yes.")):
            raise ValueError(f"{think!r} holds a tag: give the reasoning alone, tags are put around it")
        return think


class Evaluation(Section):
    """The `evaluation` section of a scale."""

    source: Literal["world", "official"] = Field(
        description="world: drawn from the micro world; official: the published files, put into `folder` by you"
    )
    folder: PathText | None = Field(
        None, description="folder with <benchmark>.tsv as VLMEvalKit has them; official only"
    )
    benchmarks: Annotated[dict[Column, str], LeaveOutNull] = Field(
        min_length=1, description="the paper's benchmark → the one that is run"
    )
    processor: dict[str, Area] | None = Field(
        None,
        description="in place of models.vlm.processor while benchmarks are answered, and in no training: published "
        "scores are taken with more image tokens; official data only; null: the same as there",
    )
    vllm: Vllm | None = Field(
        None,
        description="in place of models.vlm.vllm while benchmarks are answered: a question with several large pictures "
        "is ten times as long as what the loop asks; official data only; null: the same as there",
    )
    besides: list[Literal["MMVP", "CRPE_EXIST", "MME-RealWorld-Lite"]] = Field(
        [], description="official benchmarks that are scored as well, without a part in the paper's table or its mean"
    )
    splits: Annotated[dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], Split], LeaveOutNull] = Field(
        min_length=1, description="split → how it is drawn; add one of any seed and size to score other items"
    )
    kinds: Literal["all", "admitted"] = Field(
        "all", description="which kinds of question the drawn benchmarks ask: every one, or those that are admitted"
    )
    admission: Admission | None = Field(None, description="when a kind is admitted; of the drawn world only")
    asking: Asking
    controls: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9]{1,32}$")], Annotated[str, Field(min_length=1)] | Otherwise],
        LeaveOutNull,
    ] = Field(
        {},
        description="control → what its answers are made to begin with, or what is other besides; LINEAGE+CONTROL is "
        "asked so, not trained",
    )
    attention: AttentionSection | None = Field(None, description="only where an experiment figure_attention is named")

    @model_validator(mode="after")
    def _check_source(self) -> "Evaluation":
        known = names(self.source)
        for column, name in self.benchmarks.items():
            if name not in known:
                raise ValueError(
                    f"benchmarks.{column}: {name!r} is not among those of source {self.source!r}: {', '.join(known)}"
                )
        if self.besides and self.source == "world":
            raise ValueError(f"besides {self.besides}: the drawn world has no such benchmarks; leave it empty")
        if self.processor and self.source == "world":
            raise ValueError(f"processor {self.processor}: drawn benchmarks are seen as in training; set it to null")
        if self.vllm and self.source == "world":
            raise ValueError("vllm: drawn benchmarks are asked as the loop asks, by models.vlm.vllm; set it to null")
        check_processor(self.processor or {})
        if (self.folder is None) != (self.source == "world"):
            raise ValueError(
                f"folder {self.folder!r} does not go with source {self.source!r}: give it for 'official' only"
            )
        for name, split in self.splits.items():
            if self.source == "world" and split.size is None:
                raise ValueError(f"splits.{name}.size is missing: say how many items per benchmark shall have")
        return self

    @model_validator(mode="after")
    def _splits_differ(self) -> "Evaluation":
        drawn: dict[tuple[int, str], str] = {}
        for name, split in self.splits.items() if self.source == "world" else ():
            other = drawn.setdefault((split.seed, split.pictures), name)
            if other != name:
                raise ValueError(
                    f"splits.{name} has the seed {split.seed} and the pictures {split.pictures!r} of splits.{other}, "
                    "and so the same items: give it another seed"
                )
        return self

    @model_validator(mode="after")
    def _benchmarks_differ(self) -> "Evaluation":
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"benchmarks and besides name one twice: {', '.join(self.names)}; keep each once")
        return self

    @property
    def names(self) -> list[str]:
        """Every benchmark that is run: those of the paper's table, then those besides."""
        return [*self.benchmarks.values(), *self.besides]

    def sections_of_benchmark(self, split: str) -> list[str]:
        """The sections of a scale that a benchmark of `split` is made from."""
        return ["evaluation.source", "evaluation.folder", "evaluation.kinds", f"evaluation.splits.{split}"]

    def sections_of_answers(self, split: str, lineage: str) -> list[str]:
        """The sections that evaluating `lineage` on `split` depends on, but for the model's.

        The split's size, the processor and vLLM's settings are named for official data only: drawn benchmarks have
        their size, and are asked as the loop asks.
        """
        _, control = split_control(lineage)
        own = [f"evaluation.splits.{split}.size", "evaluation.processor", "evaluation.vllm"]
        begin = [f"evaluation.controls.{control}"] if control else []
        official = own if self.source == "official" else []
        return ["evaluation.source", "evaluation.folder", "evaluation.asking", *official, *begin]


def _otherwise(evaluation: Evaluation, lineage: str) -> Otherwise:
    """What is other about how a lineage is asked; nothing where it has no control."""
    _, control = split_control(lineage)
    other = evaluation.controls[control] if control else Otherwise()
    return Otherwise(begin=other) if isinstance(other, str) else other


def asking_of(evaluation: Evaluation, lineage: str) -> Asking:
    """How a lineage is asked: as everything is, but for what its control says.

    Args:
        evaluation: the section, or as much of it as `Evaluation.sections_of_answers` names.
    """
    other = _otherwise(evaluation, lineage)
    changed = {"begin": other.begin} if other.begin else {}
    changed |= {} if other.instruction is None else {"instruction": other.instruction}
    return evaluation.asking.model_copy(update=changed)


def goes_on_from_own(evaluation: Evaluation, lineage: str) -> bool:
    """Whether what a checkpoint answers by itself may be what it answers as `lineage`: asked the same, begun so."""
    other = _otherwise(evaluation, lineage)
    return bool(other.begin) and other.instruction is None


def vlm_section(evaluation: Evaluation, vlm: VlmSection) -> VlmSection:
    """The VLM's section for answering benchmarks.

    Args:
        evaluation: the section, or as much of it as `Evaluation.sections_of_answers` names: of drawn data without what
            is official data's own.
    """
    if evaluation.source == "world":
        return vlm
    own = {"processor": evaluation.processor, "vllm": evaluation.vllm}
    return vlm.model_copy(update={name: value for name, value in own.items() if value is not None})


def vllm_place(evaluation: Evaluation) -> str:
    """Where the settings of vLLM stand by which benchmarks are answered: what a message about them names.

    Args:
        evaluation: see `vlm_section`.
    """
    return VLLM_PLACE if evaluation.source == "world" or evaluation.vllm is None else "evaluation.vllm"

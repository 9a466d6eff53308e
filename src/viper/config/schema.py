"""All parameters as one pydantic model: sections of a scale, and the checks that need several sections."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from viper.config.analysis import Analysis
from viper.config.base import LONGEST_LINEAGE, Few, LeaveOutNull, Section, Seed
from viper.config.evaluation import Evaluation, vllm_place, vlm_section
from viper.config.fit import Fit
from viper.config.hub import fill_paths, fill_variant
from viper.config.images import Images
from viper.config.inheritance import merge
from viper.config.models import VLLM_PLACE, Models
from viper.config.names import collision
from viper.config.places import NAME
from viper.config.pretraining import Pretraining
from viper.config.questions import OpenQuestions
from viper.config.questions.answered import AnsweredByBenchmarks
from viper.config.questions.base import Question
from viper.config.reward import Reward
from viper.config.synthesis import Synthesis
from viper.config.training import Grpo, Training
from viper.errors import ViperError
from viper.layout import RECORDED
from viper.lineage import is_trained, split_control, variant_of

VARIED = {"models", "synthesis", "reward", "training"}  # sections that a variant can change


class Scale(Section):
    """One size of the experiment: everything that a run at this scale depends on."""

    seeds: list[Seed] = Field(
        min_length=1, max_length=1000, description="the experiment is repeated with each of these seeds"
    )
    question_seeds: Few | None = Field(
        None,
        description="of the seeds at most so many, the first ones, for the open questions; all where it is left out",
    )
    replicates: str | None = Field(
        None,
        pattern=NAME,
        description="the scale that this one repeats with other seeds and items: recorded beside it, under its name",
    )
    experiments: Annotated[dict[str, list[str]], LeaveOutNull] = Field(
        description="experiment → the lineages that it compares"
    )
    open_questions: OpenQuestions = OpenQuestions()
    variants: Annotated[dict[str, dict[str, Any]], LeaveOutNull] = Field(
        {}, description="variant → what it sets otherwise in some sections, for the lineages base~VARIANT.…"
    )
    models: Models
    pretraining: Pretraining | None = Field(None, description="only where models.source is trained")
    images: Images
    synthesis: Synthesis
    reward: Reward
    training: Training
    evaluation: Evaluation
    analysis: Analysis
    fit: Fit = Fit()

    @property
    def asked_seeds(self) -> list[int]:
        """The seeds with which the open questions are asked."""
        return self.seeds[: self.question_seeds]

    @model_validator(mode="before")
    @classmethod
    def _fill_paths(cls, values: Any) -> Any:
        return fill_paths(values)

    @model_validator(mode="after")
    def _check_seeds(self) -> "Scale":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds} names a seed twice: keep each once")
        return self

    @model_validator(mode="after")
    def _check_reported(self) -> "Scale":
        if self.analysis.split not in self.evaluation.splits:
            known = ", ".join(self.evaluation.splits)
            raise ValueError(f"analysis.split {self.analysis.split!r} is not among evaluation.splits: {known}")
        if "MMStar" not in self.evaluation.benchmarks:
            raise ValueError("evaluation.benchmarks lacks MMStar, whose sub-domains are a table: add it")
        return self

    @model_validator(mode="after")
    def _check_variants(self) -> "Scale":
        for name, changes in self.variants.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
                raise ValueError(
                    f"variants.{name[:80]}: becomes part of a folder: use small letters, digits and _, 32 at most"
                )
            if others := set(changes) - VARIED:
                raise ValueError(
                    f"variants.{name}: sets {', '.join(sorted(others))}; "
                    f"a variant can change {', '.join(sorted(VARIED))}"
                )
        used = self.used_variants
        for name in ("", *self.variants):
            varied = self.under(name)
            where = f"variants.{name}." if name else ""
            taken = varied.synthesis.images.shards
            if taken is not None and taken > self.images.all_shards:
                raise ValueError(
                    f"{where}synthesis.images.shards {taken}: the seed images have {self.images.all_shards}: lower it, "
                    "or raise images.shards"
                )
            # One that nothing is made under may stand at any scale.
            if name in used and not self.has_truth and (drawn := _only_drawn(varied)):
                raise ValueError(where + drawn)
        return self

    @model_validator(mode="after")
    def _check_gpus(self) -> "Scale":
        """A job gets the GPUs that it asks for and sees no other, on a cluster or not."""
        machine = self.training.machine
        needs = {"training.machine": (machine.job, machine.device, machine.devices_of_node)}
        needs |= {
            f"models.{part}": (section.job, section.device, 1)
            for part in ("vlm", "painter", "editor")
            for section in [getattr(self.models, part)]
        }
        for place, (job, device, devices) in needs.items():
            if device == "cuda" and job.gpu < devices:
                raise ValueError(
                    f"{place}.job.gpu {job.gpu}: the step runs on {devices} GPU{'s' * (devices > 1)} of a node and has "
                    f"those alone that it asks for: raise it to {devices}"
                )
        return self

    @model_validator(mode="after")
    def _check_lengths(self) -> "Scale":
        """Room for more than the answer; whether it is enough for the prompt, `viper fit` says."""
        for step in ("caption", "critique", "refine", "entities"):
            tokens = getattr(self.synthesis, step).max_new_tokens
            self.models.vlm.vllm.check_room(VLLM_PLACE, f"synthesis.{step}.max_new_tokens", tokens)
        vllm, tokens = vlm_section(self.evaluation, self.models.vlm).vllm, self.evaluation.asking.max_new_tokens
        vllm.check_room(vllm_place(self.evaluation), "evaluation.asking.max_new_tokens", tokens)
        return self

    @property
    def has_truth(self) -> bool:
        """Whether labels can be held to the truth of the pictures."""
        return self.images.source == "world" and self.models.checker is not None

    @property
    def used_variants(self) -> set[str]:
        """The variants under which something that is compared is made; '' is the scale itself."""
        return {"", *(variant_of(lineage) for lineages in self._compared.values() for lineage in lineages)}

    @property
    def questions(self) -> dict[str, Question]:
        """Question → its section, of the open questions that are asked.

        Those that hold the loop to the truth of its pictures, or name a variant that does, are asked of drawn ones
        alone.
        """
        asked = self.open_questions.asked
        if self.has_truth:
            return asked
        return {
            name: section
            for name, section in asked.items()
            if not section.needs_truth and self._only_drawn.isdisjoint(map(variant_of, section.lineages))
        }

    @cached_property  # asked for thirty times while a scale is checked; a copy keeps it, as no copy has other variants
    def _only_drawn(self) -> frozenset[str]:
        """The variants that only drawn pictures can have."""
        return frozenset(name for name in self.variants if _only_drawn(self.under(name)))

    def under(self, variant: str) -> "Scale":
        """The scale as a variant changes it; the scale itself for ''.

        Raises:
            ValueError: what the variant sets is no value there, which is found when the scale is read.
        """
        if not variant:
            return self
        sections, given = {}, self.variants[variant]
        if _names_models(given.get("models")):
            given = fill_variant(given, self.models.cache)
        for name, changes in given.items():
            section = getattr(self, name)
            try:
                sections[name] = type(section).model_validate(merge(section.model_dump(), changes))
            except ValidationError as error:
                where = f"variants.{variant}.{name}"
                raise ValueError("; ".join(_told(each, where) for each in error.errors())) from error
        return self.model_copy(update=sections)

    @model_validator(mode="after")
    def _check_experiments(self) -> "Scale":
        if "main" not in self.experiments:
            raise ValueError("experiments lacks 'main', whose table and figure the target main makes: add it")
        for key, lineages in self._compared.items():
            if not lineages or len(set(lineages)) < len(lineages):
                raise ValueError(f"{key}: names no lineage, or one twice: name each once")
            for lineage in lineages:
                self._check_lineage(key, lineage)
        for name in self.experiments:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
                raise ValueError(
                    f"experiments.{name[:80]}: becomes a target and a file: use small letters, digits and _, 64 at most"
                )
        if problem := collision([*self.experiments, *self.questions]):
            raise ValueError(f"experiments.{problem}")
        return self

    @property
    def answered_by_benchmarks(self) -> dict[str, Question]:
        """Question → its section, of those asked whose tables read what every lineage answers on the benchmarks."""
        return {name: section for name, section in self.questions.items() if isinstance(section, AnsweredByBenchmarks)}

    @property
    def _compared(self) -> dict[str, list[str]]:
        """Key of params.yaml → the lineages that it names."""
        questions = self.questions.items()
        return {f"experiments.{name}": lineages for name, lineages in self.experiments.items()} | {
            f"open_questions.{name}.lineages": section.lineages for name, section in questions
        }

    def _check_lineage(self, key: str, lineage: str) -> None:
        """Refuse a lineage that nothing can make or ask."""
        if len(lineage) > LONGEST_LINEAGE:
            raise ValueError(f"{key}: lineage '{lineage[:40]}…' becomes a folder: {LONGEST_LINEAGE} characters at most")
        checkpoint, control = split_control(lineage)
        if control and control not in self.evaluation.controls:
            known = ", ".join(self.evaluation.controls) or "none"
            raise ValueError(
                f"{key}: lineage '{lineage}' is asked with the unknown control '{control}'; "
                f"known: {known}. Correct the name, or add the control to evaluation.controls"
            )
        try:
            parts = self.training.lineage(checkpoint, self.variants)
        except ViperError as error:
            raise ValueError(f"{key}: {error}") from error
        if parts.is_base and parts.variant and not self._has_own_base(parts.variant):
            raise ValueError(
                f"{key}: lineage '{lineage}' is the base, which a variant leaves as it is: "
                f"name 'base', or a phase that is trained under the variant, as in '{checkpoint}.vop'"
            )

    def _has_own_base(self, variant: str) -> bool:
        """Whether a variant starts from another base than the scale."""
        return "models" in self.variants[variant] and self.under(variant).models.vlm.path != self.models.vlm.path

    @model_validator(mode="after")
    def _check_questions(self) -> "Scale":
        for name, section in self.questions.items():
            if section.split not in self.evaluation.splits:
                known = ", ".join(self.evaluation.splits)
                raise ValueError(
                    f"open_questions.{name}.split {section.split!r} is not among evaluation.splits: {known}"
                )
            if not any(map(is_trained, section.lineages)):
                raise ValueError(
                    f"open_questions.{name}.lineages {section.lineages}: nothing is trained that could be held to the "
                    "base: add a lineage with a phase"
                )
        self._check_families()
        self._check_rewarded()
        return self

    def _check_families(self) -> None:
        """Refuse a family whose stages start from several bases."""
        asked = self.open_questions.families if "families" in self.questions else None
        for family in asked.families if asked else []:
            bases = {stage: self.under(variant_of(stage)).models.vlm.path for stage in family.stages}
            if others := [stage for stage, base in bases.items() if base != bases[family.stages[0]]]:
                raise ValueError(
                    f"open_questions.families: {family.name}: {others[0]!r} is trained on another base than "
                    f"{family.stages[0]!r}: name stages of one base"
                )

    def _check_rewarded(self) -> None:
        """Refuse a curve of rewards where there are none, and a threshold that the scale chooses by itself."""
        objectives, audit = (self.questions.get(name) for name in ("objectives", "reward_audit"))
        for lineage in objectives.curves if objectives else []:
            if not isinstance(self.training.phases[self.training.lineage(lineage, self.variants).phase], Grpo):
                raise ValueError(
                    f"open_questions.objectives.curves: {lineage!r} is trained without a reward: leave it out"
                )
        for name, lineage in audit.thresholds.items() if audit else ():
            if self.under(variant_of(lineage)).reward.tau == "calibrated":
                raise ValueError(
                    f"open_questions.reward_audit.thresholds.{name}: {lineage!r} has the threshold that is chosen for "
                    "its embedder: name one whose variant sets reward.tau to a number"
                )

    @model_validator(mode="after")
    def _check_sizes(self) -> "Scale":
        images, held_out = self.images.all_images, self.synthesis.vop_held_out
        if held_out >= images:
            raise ValueError(
                f"synthesis.vop_held_out {held_out}: there are {images} seed images (images.number); lower it"
            )
        for name in ("csr_size", "vop_size") if not self.synthesis.allow_fewer else ():
            size = getattr(self.synthesis, name)
            if size > images - held_out:
                raise ValueError(
                    f"synthesis.{name} {size}: images.number {images} less synthesis.vop_held_out {held_out} is fewer; "
                    "lower it, raise images.number, or set synthesis.allow_fewer: true"
                )
        return self

    @model_validator(mode="after")
    def _check_painted_text(self) -> "Scale":
        # Captions and prompts are counted in tokens of two tokenizers; Qwen-Image reads with that of Qwen2.5-VL.
        reads, written = self.models.painter.arguments.get("max_sequence_length"), self.synthesis.caption.max_new_tokens
        if reads is not None and reads < written:
            raise ValueError(
                f"models.painter.arguments.max_sequence_length {reads}: captions have up to {written} tokens "
                "(synthesis.caption.max_new_tokens), and what the painter does not read, the critic would find "
                "missing; raise the first or lower the second"
            )
        return self

    @model_validator(mode="after")
    def _check_lens(self) -> "Scale":
        for name, phase in self.training.phases.items() if self.models.vlm.lens else ():
            if isinstance(phase, Grpo) and phase.engine != "transformers":
                raise ValueError(
                    f"training.phases.{name}.engine {phase.engine} does not go together with models.vlm.lens, which "
                    "it would not look through: set it to transformers, or the lens to null"
                )
        return self

    @model_validator(mode="after")
    def _check_engines(self) -> "Scale":
        for name, phase in self.training.phases.items() if self.training.machine.device == "cpu" else ():
            if isinstance(phase, Grpo) and phase.engine == "vllm":
                raise ValueError(
                    f"training.phases.{name}: engine vllm is for GPUs, and training.machine.device is cpu: set "
                    "engine: auto"
                )
        return self

    @model_validator(mode="after")
    def _check_attention(self) -> "Scale":
        if "figure_attention" in self.experiments and self.evaluation.attention is None:
            raise ValueError(
                "experiments.figure_attention needs evaluation.attention: add it, or remove the experiment"
            )
        if asked := [name for name in self.experiments.get("figure_attention", []) if split_control(name)[1]]:
            raise ValueError(
                f"experiments.figure_attention: {asked[0]!r}: attention is measured on one text for all, whatever is "
                "asked: leave out '+…'"
            )
        if "figure_attention" in self.experiments and self.synthesis.vop_held_out < 2:
            raise ValueError(
                f"experiments.figure_attention needs pairs that nobody trained on: synthesis.vop_held_out is "
                f"{self.synthesis.vop_held_out}, make it at least 2, or remove the experiment"
            )
        return self

    @model_validator(mode="after")
    def _check_word_cloud(self) -> "Scale":
        lineages = self.experiments.get("figure_wordcloud", [])
        if lineages and len(lineages) != 2:
            raise ValueError(
                f"experiments.figure_wordcloud {lineages}: compares the words of two lineages, before and after"
            )
        return self


class Params(Section):
    """All parameters: the scales, and which of them a run takes."""

    scale: str
    scales: dict[str, Scale]

    @model_validator(mode="after")
    def _check_scale(self) -> "Params":
        for name in self.scales:
            if not re.fullmatch(NAME, name) or name == RECORDED:
                raise ValueError(
                    f"scale name {name[:40]!r} becomes a folder: use only small letters and digits, 32 at most, "
                    f"and not '{RECORDED}', where the recorded run is shown"
                )
        for name, scale in self.scales.items():
            if scale.replicates is not None and scale.replicates not in self.scales.keys() - {name}:
                others = ", ".join(other for other in self.scales if other != name)
                raise ValueError(
                    f"scales.{name}.replicates {scale.replicates!r} is no other scale: choose among {others}"
                )
        if self.scale not in self.scales:
            raise ValueError(
                f"scale {self.scale!r} is not among the scales {', '.join(self.scales)}: choose one of them"
            )
        return self


def _names_models(models: Any) -> bool:
    """Whether a variant takes models from a hub, and says of each what a section says; all else is for the checks."""
    named = models.get("hub") if isinstance(models, Mapping) else None
    return isinstance(named, Mapping) and all(isinstance(models.get(part, {}), Mapping) for part in named)


def _only_drawn(scale: Scale) -> str | None:
    """What a scale asks for that only drawn pictures can have, and how to mend it; None where there is nothing."""
    if scale.synthesis.labels == "truth":
        return (
            "synthesis.labels is truth, which only drawn pictures have: set images.source to world and name "
            "models.checker, which reads edited ones; or set it to loop"
        )
    if scale.synthesis.images.fresh:
        return (
            "synthesis.images.fresh is true, and only drawn seed images never end: set it to false, or images.source "
            "to world"
        )
    for part in ("painter", "editor"):
        section = getattr(scale.models, part)
        if section.hand == "world" or section.corrupt:
            key = "hand is world" if section.hand == "world" else "corrupt is set"
            return (
                f"models.{part}.{key}, which only the drawn world knows how to do: set images.source to world and name "
                "models.checker, or take it out"
            )
    return None


def _told(error: Mapping[str, Any], where: str) -> str:
    """One mistake of a variant's section: which value, where a single one is wrong, and what about it."""
    value = f" = {error['input']!r:.80}" if error["loc"] else ""
    return f"{'.'.join(map(str, (where, *error['loc'])))}{value}: {error['msg'].removeprefix('Value error, ')}"

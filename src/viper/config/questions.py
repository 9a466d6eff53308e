"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from typing import ClassVar

from pydantic import Field, model_validator

from viper.config.base import Count, Natural, Pixels, Section, Seed, Tokens
from viper.config.questions_base import Question
from viper.config.questions_needle import Needle
from viper.config.questions_skills import Skills


class DiffusionErrors(Question):
    """Whose mistake a refinement is, and whether a model that is trained on refinements learns the painter's.

    Each trained lineage is asked beside the checkpoint that made its data; a lineage that is not trained is not asked.
    """

    needs_truth: ClassVar[bool] = True

    pairs: Count = Field(400, description="rows of its CSR data set that a lineage is asked about, at most")
    true_captions: Count = Field(400, description="drawn pictures whose captions are right, and nothing was painted")
    temperature: float = Field(
        1.0, gt=0, le=10, description="of the sampled answers; that of training, whose rewards are meant"
    )
    max_new_tokens: Tokens = Field(144, description="of an answer")
    seed: Seed = Field(4001, description="of the drawn pictures; benchmarks and seed images have others")
    least: Natural = Field(3, description="a kind that was mistaken for its commonest other less often has no habit")


class Inspection(Question):
    """Whether the differences between a picture and its reconstruction match the words, for people to judge."""

    pictures: Count = Field(50, description="reconstructions that are drawn, over all seeds of the run")
    seed: Seed = Field(0, description="of the draw")
    pixels: Pixels = Field(512, description="longest side of a picture on the page; larger ones are shrunk")
    judgements: list[str] = Field(
        [], max_length=2, description="CSV files that two people saved from the page; none: nothing is said of people"
    )
    kappa: float = Field(
        0.6, ge=0, lt=1, description="Cohen's kappa above which judges agree well (Landis and Koch: substantial)"
    )


class Generations(Question):
    """Does the loop go on? Its arms are read off the names of its lineages (`viper.questions.generations.plan`)."""

    margin: float = Field(
        gt=0,
        le=100,
        description="points of accuracy: a change from the first to the last generation that is surely smaller is a "
        "plateau",
    )
    data_margin: float = Field(
        gt=0,
        le=100,
        description="points of distinct statements, or of true labels, by which the data of the last generation may "
        "fall short of the first's and still count as no poorer",
    )


class PainterFidelity(Question):
    """How much does the loop depend on its painter and editor?

    The first of `lineages` is the base, over which the others gain; these differ in painter and editor alone.
    """

    needs_truth: ClassVar[bool] = True

    as_it_is: str = Field(description="of the lineages: with the scale's own painter and editor")
    perfect: str = Field(description="of the lineages: with a painter and an editor that make no mistake")
    worst: str = Field(description="of the lineages: with those that are told most wrong")

    @model_validator(mode="after")
    def _check_line(self) -> "PainterFidelity":
        if len(self.lineages) < 4 or any(name.count(".") < 1 for name in self.lineages[1:]):
            raise ValueError(
                f"lineages {self.lineages}: after the base, a line through painters and editors needs three lineages "
                "at least, each trained on what they made: name more, such as base~p25.csr.vop"
            )
        return self

    @model_validator(mode="after")
    def _check_roles(self) -> "PainterFidelity":
        roles = {name: getattr(self, name) for name in ("as_it_is", "perfect", "worst")}
        for name, lineage in roles.items():
            if lineage not in self.lineages[1:]:
                raise ValueError(f"{name} {lineage!r} is not among the lineages after the first: add it, or name one")
        if len(set(roles.values())) < len(roles):
            raise ValueError("as_it_is, perfect and worst name one lineage twice: name three")
        return self


class OpenQuestions(Section):
    """The open questions that a scale asks; what is null is left out."""

    generations: Generations | None = Field(None, description="does the loop go on, generation after generation?")
    painter_fidelity: PainterFidelity | None = Field(None, description="how much does it depend on painter and editor?")
    diffusion_errors: DiffusionErrors | None = Field(None, description="whose mistake is a refinement?")
    skills: Skills | None = Field(None, description="which fine-grained skills rise, which fall?")
    reward_audit: Question | None = Field(None, description="embedder, threshold, and hacking of the reward")
    inspection: Inspection | None = Field(None, description="do the differences match the words, by eye?")
    families: Question | None = Field(None, description="does another family of models gain as well?")
    objectives: Question | None = Field(None, description="order, clip, KL term, updates, supervision at equal budget")
    needle: Needle | None = Field(None, description="does attention go where the answer is?")

    @property
    def asked(self) -> dict[str, Question]:
        """Question → its section, of those that are asked."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in named.items() if section is not None}

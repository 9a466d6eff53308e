"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from viper.config.base import Section

SplitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Question(Section):
    """One open question: the lineages that answer it, and the items that they are asked."""

    needs_truth: ClassVar[bool] = False  # whether it can be asked of drawn pictures alone

    lineages: list[str] = Field(
        min_length=1, description="what is trained and compared; the first is what others are held to"
    )
    split: SplitName = Field("test", description="which of evaluation.splits scores them, where benchmarks do")


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

    generations: Question | None = Field(None, description="does the loop go on, generation after generation?")
    painter_fidelity: PainterFidelity | None = Field(None, description="how much does it depend on painter and editor?")
    diffusion_errors: Question | None = Field(None, description="whose mistake is a refinement?")
    skills: Question | None = Field(None, description="which fine-grained skills rise, which fall?")
    reward_audit: Question | None = Field(None, description="embedder, threshold, and hacking of the reward")
    inspection: Question | None = Field(None, description="do the differences match the words, by eye?")
    families: Question | None = Field(None, description="does another family of models gain as well?")
    objectives: Question | None = Field(None, description="order, clip, KL term, updates, supervision at equal budget")
    needle: Question | None = Field(None, description="does attention go where the answer is?")

    @property
    def asked(self) -> dict[str, Question]:
        """Question → its section, of those that are asked."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in named.items() if section is not None}

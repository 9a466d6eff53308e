"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from typing import Annotated

from pydantic import Field

from viper.config.base import Section

SplitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Question(Section):
    """One open question: the lineages that answer it, and the items that they are asked."""

    lineages: list[str] = Field(
        min_length=1, description="what is trained and compared; the first is what others are held to"
    )
    split: SplitName = Field("test", description="which of evaluation.splits scores them, where benchmarks do")


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


class OpenQuestions(Section):
    """The open questions that a scale asks; what is null is left out."""

    generations: Generations | None = Field(None, description="does the loop go on, generation after generation?")
    painter_fidelity: Question | None = Field(None, description="how much does it depend on painter and editor?")
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

"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from pydantic import Field

from viper.config.base import Section
from viper.config.questions_base import Question
from viper.config.questions_reward import RewardAudit


class OpenQuestions(Section):
    """The open questions that a scale asks; what is null is left out."""

    generations: Question | None = Field(None, description="does the loop go on, generation after generation?")
    painter_fidelity: Question | None = Field(None, description="how much does it depend on painter and editor?")
    diffusion_errors: Question | None = Field(None, description="whose mistake is a refinement?")
    skills: Question | None = Field(None, description="which fine-grained skills rise, which fall?")
    reward_audit: RewardAudit | None = Field(None, description="embedder, threshold, and hacking of the reward")
    inspection: Question | None = Field(None, description="do the differences match the words, by eye?")
    families: Question | None = Field(None, description="does another family of models gain as well?")
    objectives: Question | None = Field(None, description="order, clip, KL term, updates, supervision at equal budget")
    needle: Question | None = Field(None, description="does attention go where the answer is?")

    @property
    def asked(self) -> dict[str, Question]:
        """Question → its section, of those that are asked."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in named.items() if section is not None}

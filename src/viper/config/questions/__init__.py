"""The section `open_questions` of a scale: what the paper leaves open, each an experiment of its own."""

from pydantic import Field

from viper.config.base import Section
from viper.config.questions.ablation_labels import AblationLabels
from viper.config.questions.base import Question
from viper.config.questions.diffusion_errors import DiffusionErrors
from viper.config.questions.families import Families
from viper.config.questions.generations import Generations
from viper.config.questions.inspection import Inspection
from viper.config.questions.needle import Needle
from viper.config.questions.objectives import Objectives
from viper.config.questions.painter_fidelity import PainterFidelity
from viper.config.questions.reward_audit import RewardAudit
from viper.config.questions.skills import Skills


class OpenQuestions(Section):
    """The open questions that a scale asks; what is null is left out."""

    generations: Generations | None = Field(None, description="does the loop go on, generation after generation?")
    ablation_labels: AblationLabels | None = Field(None, description="which labels of its own can a model learn from?")
    painter_fidelity: PainterFidelity | None = Field(None, description="how much does it depend on painter and editor?")
    diffusion_errors: DiffusionErrors | None = Field(None, description="whose mistake is a refinement?")
    skills: Skills | None = Field(None, description="which fine-grained skills rise, which fall?")
    reward_audit: RewardAudit | None = Field(None, description="embedder, threshold, and hacking of the reward")
    inspection: Inspection | None = Field(None, description="do the differences match the words, by eye?")
    families: Families | None = Field(None, description="does another family of models gain as well?")
    objectives: Objectives | None = Field(
        None, description="order, clip, KL term, updates, supervision on as many samples or tokens"
    )
    needle: Needle | None = Field(None, description="does attention go where the answer is?")

    @property
    def asked(self) -> dict[str, Question]:
        """Question → its section, of those that are asked."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in named.items() if section is not None}

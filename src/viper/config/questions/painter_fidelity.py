"""The question `painter_fidelity`: how much does the loop depend on its painter and editor?"""

from typing import ClassVar

from pydantic import Field, model_validator

from viper.config.questions.answered import AnsweredByBenchmarks
from viper.lineage import is_trained


class PainterFidelity(AnsweredByBenchmarks):
    """How much does the loop depend on its painter and editor?

    The first of `lineages` is the base, over which the others gain; these differ in painter and editor alone.
    """

    needs_truth: ClassVar[bool] = True

    as_it_is: str = Field(description="of the lineages: with the scale's own painter and editor")
    perfect: str = Field(description="of the lineages: with a painter and an editor that make no mistake")
    worst: str = Field(description="of the lineages: with those that are told most wrong")

    @model_validator(mode="after")
    def _check_line(self) -> "PainterFidelity":
        if is_trained(self.lineages[0]):
            raise ValueError(f"lineages: {self.lineages[0]!r} stands first and is trained: name the base there")
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

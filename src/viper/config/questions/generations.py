"""The question `generations`: does the loop go on?"""

from pydantic import Field

from viper.config.questions.answered import AnsweredByBenchmarks


class Generations(AnsweredByBenchmarks):
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

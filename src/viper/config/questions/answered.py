"""Open questions that benchmarks answer: every lineage is scored on them."""

from viper.config.questions.base import Question


class AnsweredByBenchmarks(Question):
    """A question whose tables read what its lineages answer on every benchmark of its split (target `evaluate_…`)."""

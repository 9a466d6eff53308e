"""What the truth of drawn pictures says of the loop's labels: the ceiling of what labels of its own could be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrueLabels:
    """Labels by the truth.

    Attributes:
        refinements: what has to change in the caption of each seed image that has a usable one, by its id; empty where
            the caption is right.
        pairs: ids of the seed images whose edited copies differ from them as all of their statements say.
    """

    refinements: dict[str, list[str]]
    pairs: set[str]

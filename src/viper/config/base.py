"""What every section of params.yaml has in common: strict types, finite numbers, no unknown keys."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from viper.strict import Strict

LARGEST = 2**32 - 1  # numpy and torch take seeds of 32 bits; nothing that is counted here comes near
Seed = Annotated[int, Field(ge=0, le=LARGEST)]

# Every whole number of the schema is one of these: what is beyond has slipped, and would fill a disk or never end.
Count = Annotated[int, Field(ge=1, le=10_000_000)]  # things that are drawn, asked, kept; steps
Natural = Annotated[int, Field(ge=0, le=10_000_000)]  # the same, where none is right too
Batch = Annotated[int, Field(ge=1, le=1_000_000)]  # things worked on at once
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]  # of one completion
Few = Annotated[int, Field(ge=1, le=1000)]  # threads, processes, parts, repetitions
Width = Annotated[int, Field(ge=1, le=100_000)]  # of a layer
Pixels = Annotated[int, Field(ge=1, le=16_384)]  # along one side
Area = Annotated[int, Field(ge=1, le=2**28)]  # pixels, or patches, of one picture

LONGEST_LINEAGE = 200  # characters of a name that becomes that of a folder


def _leave_out(values: Any) -> Any:
    if not isinstance(values, Mapping):
        return values
    return {name: value for name, value in values.items() if value is not None}


# For mappings whose keys are names of one's own: null leaves a name out that was taken over from another scale.
LeaveOutNull = BeforeValidator(_leave_out)


class Section(Strict):
    """A section of params.yaml."""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known key that was probably meant: one that begins so, else the most similar; None where none is like it."""
    known = list(known)
    return next(
        iter([*(each for each in known if each.startswith(name)), *difflib.get_close_matches(name, known, n=1)]), None
    )

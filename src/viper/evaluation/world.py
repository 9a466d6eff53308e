"""The evaluation's door to the drawn world: its benchmarks, each with the scorer of the one that it imitates."""

from pathlib import Path
from typing import TYPE_CHECKING

from viper.evaluation.scoring import Scoring

if TYPE_CHECKING:
    from viper.config.evaluation import Split


def names() -> tuple[str, ...]:
    """The drawn benchmarks."""
    from microworld.benchmarks import BENCHMARKS

    return tuple(BENCHMARKS)


def scoring(name: str) -> Scoring:
    """How a drawn benchmark is scored.

    Raises:
        ViperError: there is none of that name.
    """
    from microworld.benchmarks import find

    return find(name).scoring


def rows_an_item(name: str) -> int:
    """How many questions of a drawn benchmark are one item: a set of figures, or a question with all its turns.

    Raises:
        ViperError: there is none of that name.
    """
    from microworld.benchmarks import find

    return find(name).group_size


def write(name: str, split: "Split", output: Path, *, admitted_only: bool) -> None:
    """Draw a benchmark into a TSV; see `microworld.adapters.benchmarks.write`.

    Raises:
        ViperError: there is none of that name, or it may ask nothing.
    """
    from microworld.adapters import benchmarks

    benchmarks.write(name, split, output, admitted_only=admitted_only)


def write_each_kind(name: str, seed: int, size: int, output: Path) -> None:
    """Draw every kind of question of a benchmark; see `microworld.adapters.benchmarks.write_each_kind`."""
    from microworld.adapters import benchmarks

    benchmarks.write_each_kind(name, seed, size, "dev", output)

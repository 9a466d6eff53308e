"""The evaluation's door to the drawn world: its benchmarks, each with the scorer of the one that it imitates."""

from pathlib import Path

from viper.evaluation.scoring import Scoring


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


def write(name: str, seed: int, size: int, pictures: str, output: Path) -> None:
    """Draw a benchmark into a TSV; see `microworld.adapters.benchmarks.write`.

    Raises:
        ViperError: there is none of that name.
    """
    from microworld.adapters import benchmarks

    benchmarks.write(name, seed, size, pictures, output)

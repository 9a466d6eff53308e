"""Files of several lineages and seeds, told apart by their paths."""

from collections.abc import Sequence
from pathlib import Path

from viper.errors import ViperError
from viper.layout import run_of


def run(path: Path) -> tuple[str, int]:
    """The lineage and the seed that a path names.

    Raises:
        ViperError: it says nothing.
    """
    try:
        return run_of(str(path))
    except ValueError as error:
        raise ViperError(f"{error}: name files as the rules write them") from error


def by_run(paths: Sequence[Path]) -> dict[tuple[str, int], Path]:
    """Files of which each run has one, such as metrics, by lineage and seed.

    Raises:
        ViperError: see `run`.
    """
    return {run(path): path for path in paths}

"""Files of several lineages and seeds, told apart by their paths."""

from collections.abc import Sequence
from pathlib import Path

from viper.errors import ViperError
from viper.layout import run_of


def by_run(paths: Sequence[Path]) -> dict[tuple[str, int], Path]:
    """Files of metrics or attention by lineage and seed, as their paths say.

    Raises:
        ViperError: a path says nothing.
    """
    try:
        return {run_of(str(path)): path for path in paths}
    except ValueError as error:
        raise ViperError(f"{error}: name files as the rules write them") from error

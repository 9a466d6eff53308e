"""Files of several lineages and seeds, told apart by their paths."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from viper.errors import ViperError
from viper.layout import run_of
from viper.lineage import is_trained

Measured = TypeVar("Measured")


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
        ViperError: see `run`; or two files are of the same run, of which the last would silently win.
    """
    files: dict[tuple[str, int], Path] = {}
    for path in paths:
        if files.get(key := run(path), path) != path:
            raise ViperError(f"{files[key]} and {path}: both are of {key[0]}, seed {key[1]}: name one file of each run")
        files[key] = path
    return files


def distinct(lineages: Sequence[str]) -> list[str]:
    """The lineages that are compared, each of which is named once.

    Raises:
        ViperError: one is named twice, so that it would be compared with itself.
    """
    if twice := [name for name in dict.fromkeys(lineages) if list(lineages).count(name) > 1]:
        raise ViperError(f"{', '.join(twice)}: named twice as a lineage to compare: name each lineage once")
    return list(lineages)


def seeds_of(runs: Iterable[tuple[str, int]]) -> list[int]:
    """The seeds of any of these runs, rising; what is not trained has the first alone."""
    return sorted({seed for _, seed in runs})


def of_run(measured: Mapping[tuple[str, int], Measured], lineage: str, seed: int) -> Measured:
    """What was measured of a lineage with a seed: of what is not trained, with whichever.

    Raises:
        ViperError: it was not measured.
    """
    seeds = [seed] if is_trained(lineage) else seeds_of(run for run in measured if run[0] == lineage)
    for known in seeds:
        if (lineage, known) in measured:
            return measured[lineage, known]
    raise ViperError(f"{lineage}, seed {seed}: not measured: its file is missing among those given")

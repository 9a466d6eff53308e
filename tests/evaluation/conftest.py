"""Small benchmarks with their questions."""

from pathlib import Path

import pytest

from microworld.adapters.benchmarks import draw_groups, table
from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.benchmarks.benchmark import Question

SIZE = 8  # rows


def groups(name: str) -> list[list[Question]]:
    return draw_groups(name, 5, SIZE // MICRO[name].group_size, "train")


@pytest.fixture(scope="session")
def questions() -> dict[str, list[Question]]:
    """Benchmark → its questions, in the order of its file. Any pictures will do: most of a test's time is drawing."""
    return {name: [q for group in groups(name) for q in group] for name in MICRO}


@pytest.fixture(scope="session")
def files(questions, tmp_path_factory) -> dict[str, Path]:
    """Benchmark → its TSV."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for name in MICRO:
        table(groups(name)).to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    return {name: folder / f"{name}.tsv" for name in MICRO}

"""Small benchmarks with their questions."""

from pathlib import Path

import pytest

from microworld.adapters.benchmarks import draw_groups, table
from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.benchmarks.benchmark import Question

SIZE = 8  # rows


@pytest.fixture(scope="session")
def questions() -> dict[str, list[Question]]:
    """Benchmark → its questions, in the order of its file. Any pictures will do: most of a test's time is drawing."""
    return {name: [q for group in draw_groups(name, 5, SIZE, "train") for q in group] for name in MICRO}


@pytest.fixture(scope="session")
def files(questions, tmp_path_factory) -> dict[str, Path]:
    """Benchmark → its TSV."""
    folder = tmp_path_factory.mktemp("benchmarks")
    for name in MICRO:
        table(draw_groups(name, 5, SIZE, "train")).to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    return {name: folder / f"{name}.tsv" for name in MICRO}

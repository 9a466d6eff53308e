"""Predictions written to disk as the evaluation writes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viper.layout import Layout
from viper.lineage import is_trained


@pytest.fixture
def prediction_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that says where predictions lie, below tmp_path, which is the current folder from now on."""
    monkeypatch.chdir(tmp_path)

    def place(lineage: str, benchmark: str, seed: int = 0) -> Path:
        run = seed if is_trained(lineage) else None
        path = Path(Layout("toy").predictions(f"{benchmark}.tsv", lineage=lineage, split="test", seed=run))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    return place


@pytest.fixture
def write_predictions(prediction_path) -> Callable[..., list[Path]]:
    """Return a function that writes one file of predictions, and returns all that it has written."""
    written: dict[Path, None] = {}

    def write(
        lineage: str,
        benchmark: str,
        hits: np.ndarray | list[int],
        *,
        seed: int = 0,
        index: list[str] | None = None,
        category: list[str] | None = None,
        answer: str | list[str] = "A",
        reading: str | list[str] = "exact",
    ) -> list[Path]:
        path = prediction_path(lineage, benchmark, seed)
        table = pd.DataFrame(
            {"index": index or [f"{i:05d}" for i in range(len(hits))], "hit": np.asarray(hits, dtype=int)}
        ).assign(answer=answer, reading=reading)
        if category is not None:
            table["category"] = category
        table.to_csv(path, sep="\t", index=False)
        written[path] = None
        return list(written)

    return write

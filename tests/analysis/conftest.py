"""Predictions written to disk as the evaluation writes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from viper.analysis.predictions import path_of


@pytest.fixture
def write_predictions(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes one file of predictions below tmp_path, and returns tmp_path."""

    def write(
        lineage: str,
        benchmark: str,
        hits: np.ndarray | list[int],
        *,
        seed: int = 0,
        index: list[str] | None = None,
        category: list[str] | None = None,
    ) -> Path:
        path = path_of(tmp_path, seed, lineage, "test", benchmark)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(
            {"index": index or [f"{i:05d}" for i in range(len(hits))], "hit": np.asarray(hits, dtype=int)}
        )
        if category is not None:
            table["category"] = category
        table.to_csv(path, sep="\t", index=False)
        return tmp_path

    return write

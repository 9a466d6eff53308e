"""What the paper published (its tables; percent), under this project's names for lineages and benchmarks."""

from importlib.resources import as_file, files

import pandas as pd

from viper.reading import read_table

BENCHMARKS = ("MMStar", "RealWorldQA", "MME-RW", "BLINK", "Mantis", "HallusionBench", "CRPE")
OVERALL = "overall"
SUBDOMAINS = (
    "coarse perception",
    "fine-grained perception",
    "instance reasoning",
    "logical reasoning",
    "science & technology",
    "math",
)
MODELS = ("3B", "7B")
COLD_START_CROSSING = 300  # about: steps after which the run without a cold start overtakes the one with it


def published() -> pd.DataFrame:
    """Return the columns model (3B | 7B), lineage, column (a benchmark, overall, or an MMStar sub-domain), score."""
    with as_file(files("viper.analysis").joinpath("published.csv")) as path:
        return read_table(path, needed=("model", "lineage", "column", "score"), numbers=("score",))

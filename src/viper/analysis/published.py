"""What the paper published (its tables; percent), under this project's names for lineages and benchmarks."""

from importlib.resources import as_file, files

import pandas as pd

from viper.lineage import split_control
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
# The control under which a checkpoint is asked as VLMEvalKit asks: by each benchmark's own prompt alone.
PLAIN = "plain"
# Said wherever published figures stand beside ours.
PROMPTS = (
    "How a lineage is asked: `+plain` by each benchmark's own prompt alone, any other as `evaluation.asking` says, "
    "which may ask for reasoning first. The published base seems to have been asked plainly; of the published trained "
    "models the prompt is not known."
)
COLD_START_CROSSING = 300  # about: steps after which the run without a cold start overtakes the one with it


def published() -> pd.DataFrame:
    """Return the columns model (3B | 7B), lineage, column (a benchmark, overall, or an MMStar sub-domain), score."""
    with as_file(files("viper.analysis").joinpath("published.csv")) as path:
        return read_table(path, needed=("model", "lineage", "column", "score"), numbers=("score",))


def published_as(lineage: str) -> str:
    """The lineage whose published figures are of the model that answers as `lineage`: asked plainly, the checkpoint's.

    Of what is asked under another control nothing is published.
    """
    checkpoint, control = split_control(lineage)
    return checkpoint if control == PLAIN else lineage

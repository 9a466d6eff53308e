# The checked parameters, and the paths and arguments that follow from them; every rule file uses them.
import json
from pathlib import Path

from snakemake.exceptions import WorkflowError

import viper.config
from viper.errors import ViperError

# Snakemake's `config` is params.yaml with `--config` merged in, so overrides are checked like the file itself.
try:
    PARAMS = viper.config.validate(config)
except ViperError as error:
    raise WorkflowError(str(error)) from None

SCALE = PARAMS.scale
S = PARAMS.scales[SCALE]
LINEAGES = list(dict.fromkeys(lineage for lineages in S.experiments.values() for lineage in lineages))


def options(section):
    """The section of this scale under a dotted name, such as "synthesis.caption", as JSON for a command's --options."""
    value = S
    for name in section.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value.model_dump_json() if hasattr(value, "model_dump_json") else json.dumps(value)


def checkpoint(lineage, seed):
    """The manifest that stands for a checkpoint: the base models are the same for every run seed."""
    if lineage == "base":
        return f"{S.models.vlm.path}/manifest.json"
    return f"models/{SCALE}/seed{seed}/{lineage}/manifest.json"


def predictions(lineages):
    """Per-item predictions of these lineages, trained with every run seed, on every benchmark of the reported split."""
    return expand(
        "results/{scale}/predictions/seed{seed}/{lineage}/{split}/{name}.tsv",
        scale=SCALE,
        seed=S.run_seeds,
        lineage=lineages,
        split=S.analysis.split,
        name=S.evaluation.benchmarks.values(),
    )


def compare(lineages):
    """The arguments that say what is compared: lineages, run seeds, benchmarks."""
    seeds = [f"--seed {seed}" for seed in S.run_seeds]
    return " ".join([f"--lineage {lineage}" for lineage in lineages] + seeds)


wildcard_constraints:
    seed=r"\d+",
    shard=r"\d+",
    scale=r"[a-z0-9]+",
    lineage=r"base(\.[a-z0-9]+)*",
    split=r"[A-Za-z0-9_-]+",

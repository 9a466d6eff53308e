# What every rule file uses: the checked parameters and the paths that follow from them.
import json

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


wildcard_constraints:
    seed=r"\d+",
    shard=r"\d+",
    scale=r"[a-z0-9]+",
    lineage=r"base(\.[a-z0-9]+)*",
    split=r"[A-Za-z0-9_-]+",

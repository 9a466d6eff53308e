# The checked parameters, and the paths and arguments that follow from them; every rule file uses them. Functions stand
# here, rules in the files of their areas. Long steps show their progress on the terminal as well as in their log.
import json
import shlex
from pathlib import Path

from snakemake.exceptions import WorkflowError

import viper.config
from viper.errors import ViperError
from viper.lineage import split_control

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
    """The manifest of the checkpoint that answers for a lineage: the base is the same for every run seed."""
    lineage, _ = split_control(lineage)
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


# --- resources


def per_attempt(amount):
    """Megabytes or minutes of a job: half as much again with every retry, for the job that ran out of them."""
    return lambda wildcards, attempt: amount * (1 + attempt) // 2


# --- seeds


def photographs(wildcards):
    """The files that `seeds.paths` names: a changed or added photograph makes the seed images anew."""
    from viper.synthesis.photographs import find_photographs

    try:
        return [str(path) for path in find_photographs(S.seeds.paths)]
    except ViperError as error:
        raise WorkflowError(str(error)) from None


# --- synthesis

SYNTHESIS = f"data/{SCALE}/seed{{seed}}/synthesis/{{lineage}}"


def table(step):
    """The table of one step and shard."""
    return f"{SYNTHESIS}/{step}/shard{{shard}}.parquet"


def shards(step):
    """The tables of one step of all shards."""
    return [f"{SYNTHESIS}/{step}/shard{shard}.parquet" for shard in range(S.seeds.shards)]


def model_options(part):
    """The section of a model without what only the scheduler reads."""
    return getattr(S.models, part).model_dump_json(exclude={"job"})


def synthesis_options(*keys):
    """Some keys of the section `synthesis`: what a step depends on, and nothing else."""
    return S.synthesis.model_dump_json(include=set(keys))


# --- training


def parse_lineage(name):
    """The parts of a lineage's name; an unknown phase stops here, with the list of known ones."""
    try:
        return S.training.lineage(name)
    except ViperError as error:
        raise WorkflowError(str(error)) from None


def training_data(wildcards):
    """The data sets of the last phase: synthesized by the model that its generation started from."""
    lineage = parse_lineage(wildcards.lineage)
    root = f"data/{SCALE}/seed{wildcards.seed}"
    return [
        (
            f"{root}/cold/train.parquet"
            if name == "cold"
            else f"{root}/dataset/{lineage.data_lineage}/{name}/train.parquet"
        )
        for name in S.training.phases[lineage.phase].data
    ]


def is_rewarded(wildcards):
    """Whether the last phase is reinforcement learning, and so depends on the reward."""
    return S.training.phases[parse_lineage(wildcards.lineage).phase].method == "grpo"


def threshold(wildcards):
    """The calibrated threshold, where the phase is rewarded and the reward does not name one."""
    return f"results/{SCALE}/tables/tau.json" if S.reward.tau == "calibrated" and is_rewarded(wildcards) else []


def training_options(wildcards):
    """All that the phase depends on, as JSON."""
    return S.training.options(parse_lineage(wildcards.lineage).phase).model_dump_json(exclude={"machine": {"job"}})


# --- evaluation


def split_named(name):
    """Stop with a sentence instead of a KeyError where a target asks for a split that params.yaml does not have."""
    if name not in S.evaluation.splits:
        known = ", ".join(S.evaluation.splits)
        raise WorkflowError(
            f"no split '{name}' in evaluation.splits; there are: {known}. Add it with a seed and a size"
        )
    return name


wildcard_constraints:
    seed=r"\d+",
    shard=r"\d+",
    scale=r"[a-z0-9]+",
    lineage=r"base(\.[a-z0-9]+)*(\+[a-z0-9]+)?",
    split=r"[A-Za-z0-9_-]+",

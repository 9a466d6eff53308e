# The checked parameters, and the paths and arguments that follow from them; every rule file uses them. Functions stand
# here, rules in the files of their areas. Long steps show their progress on the terminal as well as in their log.
import json
import os
import sys
from functools import cache
from pathlib import Path

import viper.config
from viper import layout
from viper.cluster.ending import SIGNAL
from viper.cluster.preflight import Kind
from viper.config.evaluation import goes_on_from_own
from viper.config.hub import cached_data, cached_folder
from viper.config.loading import layout_of
from viper.errors import ViperError
from viper.evaluation.registry import PICTURES_APART
from viper.layout import PILOT, REPORT, Layout, manifest
from viper.lineage import ROOT, is_trained, split_control, variant_of
from viper.synthesis.sharing import calibrated_as, maker, shards_of, trained_as
from viper.workflow import insides
from viper.workflow.declaration import as_argument, per_attempt

# No `configfile:`, whose reader executes expressions, drops repeated keys and says no line: params.yaml and scales/ are
# read here, with --configfile and --config merged in, so that overrides are checked like the files themselves. Jobs get
# the same arguments.
GIVEN = (workflow.config_settings.config_args, workflow.config_settings.configfiles)
try:
    PARAMS = viper.config.read_run(*GIVEN)
    SCALE = PARAMS.scale
    S = PARAMS.scales[SCALE]
    CHANGES = viper.config.changes(*GIVEN)
    L = layout_of(PARAMS, CHANGES)  # where everything lies
except ViperError as error:
    stop(error)

# What this run sets besides, as JSON for commands that plan it; without the scale, which has its own option:
# `--config scale=micro` changes nothing where it is the default.
CONFIG = as_argument(json.dumps({key: value for key, value in CHANGES.items() if key != "scale"}))

# Every experiment but these is an ablation, and gets tables, figures and a target of its name (ablations.smk).
ATTENTION = S.experiments.get("figure_attention", [])
ABLATIONS = [name for name in S.experiments if name not in ("main", "figure_attention", "figure_wordcloud")]
QUESTIONS = S.questions  # what the paper leaves open (questions.smk)
LINEAGES = list(dict.fromkeys(lineage for lineages in S.experiments.values() for lineage in lineages))


def checkpoint(lineage, seed):
    """The manifest of the checkpoint that answers for a lineage: a base is the same for every seed."""
    lineage, _ = split_control(lineage)
    if not is_trained(lineage):
        return manifest(S.under(variant_of(lineage)).models.vlm.path)
    return L.checkpoint(lineage=trainer(lineage), seed=seed)


@cache
def trainer(lineage):
    """The lineage whose training gives the checkpoint of this one: another's, where variants train alike."""
    parse_lineage(lineage)
    return trained_as(S, lineage)


@cache
def shards(lineage):
    """The shards of seed images that a lineage synthesizes from."""
    parse_lineage(lineage)
    return shards_of(S, lineage)


def hub_manifests():
    """The manifests of all models that this scale, or a variant that something is made under, takes from a hub."""
    pinned = [name for variant in sorted(S.used_variants) for name in S.under(variant).models.hub.values()]
    return [manifest(cached_folder(S.models.cache, name)) for name in dict.fromkeys(pinned)]


@cache
def wanting(message):
    """Stop for want of what the user has yet to get; where jobs are only listed, say so once, and go on."""
    if workflow.executor_plugin is not None and not workflow.dryrun:
        stop(message)
    print(f"Planned, but cannot be run yet: {message}", file=sys.stderr)


def given_file(key, path, remedy, *, refuse=stop):
    """A file that the parameters name under `key`; one that is missing or empty stops what needs it, or is refused."""
    if not Path(path).is_file() or not Path(path).stat().st_size:
        refuse(f"{key}: {path} is {'empty' if Path(path).is_file() else 'not there'}: {remedy}")
        return []
    return path


def scale_of(wildcards):
    """The scale as the variant of the lineage at hand changes it; the scale itself where a rule has no lineage."""
    return S.under(variant_of(wildcards.get("lineage", "base")))


def embedder_manifest(wildcards):
    """The manifest of the reward's embedder, where it comes from a hub; elsewhere it must be there when a run is planned."""
    from viper.models.location import locate

    scale = scale_of(wildcards)
    if "embedder" in scale.models.hub:
        return manifest(scale.reward.embedder.path)
    try:
        locate(scale.reward.embedder.path)
    except ViperError as error:
        stop(f"reward.embedder.path: {error}")
    return []


def predictions(lineages, split=S.analysis.split, seeds=S.seeds):
    """Per-item predictions of these lineages on every benchmark of a split, by default the reported one: with every
    one of the seeds where they are trained, once where they are not."""
    return [
        L.predictions(f"{name}.tsv", lineage=lineage, split=split, seed=seed)
        for lineage in lineages
        for seed in (seeds if is_trained(lineage) else [None])
        for name in S.evaluation.benchmarks.values()
    ]


def attention(lineages):
    """Measured attention of these lineages: every seed holds out pairs of its own, so each measures the base too."""
    return [L.attention(lineage=lineage, seed=seed) for lineage in lineages for seed in S.seeds]


def reward_metrics(lineages):
    """The metrics of all phases of these lineages, for every seed."""
    stages = [stage for lineage in without_controls(lineages) for stage in parse_lineage(lineage).stages]
    return [L.metrics("train.csv", lineage=stage, seed=seed) for stage in dict.fromkeys(stages) for seed in S.seeds]


def rewarded(lineages):
    """Those of these lineages that some phase trains with a reward: no other has a reward curve."""
    return [
        lineage
        for lineage in without_controls(lineages)
        if any(S.training.phases[phase].method == "grpo" for phase in parse_lineage(lineage).phases)
    ]


def without_controls(lineages):
    """What is trained for these lineages: the same for all controls that a checkpoint is asked with."""
    return list(dict.fromkeys(split_control(lineage)[0] for lineage in lineages))


def repeated(option, values):
    """An option with each of several values, as arguments for a shell line: {params.name:q} quotes each of them. One
    path is one value: of an input that is named by itself Snakemake makes no list."""
    return [word for value in ([values] if isinstance(values, str) else values) for word in (option, str(value))]


def compared(lineages):
    """The lineages that a command compares, as its arguments; the first is the one that the others are compared with."""
    return repeated("--lineage", lineages)


def from_here(path):
    """A path of the repository, from the rule file that is being read, since these lie at different depths."""
    here = workflow.current_basedir.get_path_or_uri(secret_free=True)
    return os.path.relpath(Path(workflow.basedir, path), here)


def figure(target, name):
    """What drawing a figure of a target makes: two pictures, one of which the report shows, and its caption."""
    caption = L.table(target, name, ".rst")
    svg = report(L.table(target, name, ".svg"), caption=from_here(caption), category="Figures")
    return {"png": L.table(target, name, ".png"), "svg": svg, "caption": caption}


# --- resources


def asked(job):
    """What a section `job` asks a cluster for."""
    return {"mem_mb": per_attempt(job.mem_mb), "runtime": per_attempt(job.runtime), "gpu": job.gpu}


def asked_of_nodes(machine):
    """What training asks a cluster for: on each of its nodes what `machine.job` says, and word of its end."""
    wanted = asked(machine.job)
    if machine.nodes > 1:
        # One task a node, started by the step itself (mpi); `gres` counts GPUs per node, `gpu` those of the whole job.
        wanted |= {"nodes": machine.nodes, "tasks": machine.nodes, "mpi": "srun"}
        if gpus := wanted.pop("gpu"):
            wanted |= {"gres": f"gpu:{gpus}", "tasks_per_gpu": 0}  # 0: the executor asks for no tasks per GPU
    if machine.job.notice:
        wanted["slurm_extra"] = f"--signal={SIGNAL.name.removeprefix('SIG')}@{machine.job.notice}"
    return wanted


# --- ablations

# The figures of an ablation; grouped bars of those that are not named here.
FIGURES_OF = {"ablation_mixed_rl": ["radar", "rewards"], "ablation_cold_start": ["rewards"], "ablation_sft": []}


def ablation_tables(experiment):
    """Tables of an ablation, and of its rewards where these are drawn."""
    tables = list(rules.ablation_tables.output)
    if "rewards" in FIGURES_OF.get(experiment, []):
        tables += rules.reward_curves.output
    return [path.format(experiment=experiment) for path in tables]


def kinds_of_figures(experiment):
    """What the figures of an ablation show."""
    return FIGURES_OF.get(experiment, ["subdomain-bars"])


def ablation_figures(experiment):
    """Figures of an ablation, with their captions."""
    names = [f"{experiment}_{kind}" for kind in kinds_of_figures(experiment)]
    return [path for name in names for path in figure(experiment, name).values()]


# --- images


def photograph_data():
    """The manifest of the data set of photographs."""
    return manifest(cached_data(S.models.cache, S.images.hub.dataset))


def known_pictures():
    """Hashes of the official benchmarks' pictures, where photographs are compared with them."""
    if S.images.benchmark_distance is None:
        return []
    return [layout.picture_hashes(S.evaluation.folder, name) for name in S.evaluation.names]


@cache
def named_photographs(part=""):
    """What the `paths` of the images, or of a part of `images.more`, name: files that Snakemake can take, and all else."""
    from viper.synthesis.photographs import find_photographs, is_plain

    patterns, key = (S.images.more[part].paths, f"images.more.{part}") if part else (S.images.paths, "images")
    try:
        found = find_photographs(patterns, f"{key}.paths")
    except ViperError as error:
        wanting(str(error))
        return [], []
    return [path for path in found if is_plain(path)], [path for path in found if not is_plain(path)]


def photographs(wildcards):
    """The data set of photographs; or the files that `images.paths` names, of which a changed or added one makes the
    seed images anew."""
    return [photograph_data()] if S.images.hub else [str(path) for path in named_photographs()[0]]


def other_photographs(wildcards):
    """What stands for the rest: braces would be wildcards, other names cannot be written down, a link leads nowhere."""
    from viper.synthesis.photographs import mark

    return [] if S.images.hub else [mark(path) for path in named_photographs()[1]]


def more_photographs(part):
    """The same of a part of `images.more`."""
    return lambda wildcards: [str(path) for path in named_photographs(part)[0]]


def more_other_photographs(part):
    """The same of a part of `images.more`."""
    from viper.synthesis.photographs import mark

    return lambda wildcards: [mark(path) for path in named_photographs(part)[1]]


# --- synthesis

ASSEMBLED = ["captions", "critiques", "refinements", "operations", "edits"]  # the steps that data sets are made of


def pilot_first(wildcards):
    """The forecast that must stand before all shards but the pilot's own: more images make it anew, and nothing else."""
    if not S.synthesis.pilot or wildcards.shard == PILOT:
        return []
    return ancient(L.forecast(lineage=wildcards.lineage, seed=wildcards.seed))


@cache
def owner(lineage, step):
    """The lineage that makes the table of a step for this one: another, where variants do it alike."""
    return maker(S, lineage, step)


def table_of(step):
    """The table of one step for the lineage, seed and shard at hand, whoever made it."""
    return lambda wildcards: L.synthesis(step, **{**wildcards, "lineage": owner(wildcards.lineage, step)})


def tables_of(step):
    """The tables of one step of all shards, for the lineage and seed at hand."""
    return lambda wildcards: synthesized(step, wildcards.lineage, wildcards.seed)


def synthesized(step, lineage, seed):
    """The tables of one step that a lineage's data are made of, of all its shards, whoever made them."""
    made_by = owner(lineage, step)
    return [L.synthesis(step, lineage=made_by, seed=seed, shard=shard) for shard in shards(lineage)]


def audited(lineages, seeds, only=None):
    """What an audit reads of these lineages' data: tables of some steps, each with the lineage to whose data it led; of
    some shards only, where they are named."""
    return [
        (lineage, L.synthesis(step, lineage=owner(lineage, step), seed=seed, shard=shard))
        for lineage in lineages
        for step in ("captions", "reconstructions", "critiques", "operations", "edits")
        for shard in only or shards(lineage)
        for seed in seeds
    ]


def seed_images(wildcards):
    """The seed images that the data of the lineage and seed at hand start from, of all shards."""
    return [L.images(seed=wildcards.seed, shard=shard) for shard in shards(wildcards.lineage)]


def truth_of_images(wildcards):
    """What is in them, where they are drawn."""
    return [L.truth(seed=wildcards.seed, shard=shard) for shard in shards(wildcards.lineage)]


def labels_of(lineage):
    """What labels the data of a lineage: `synthesis.labels` of its variant."""
    return S.under(variant_of(lineage)).synthesis.labels


def is_by_truth(lineage):
    """Whether the data of a lineage are labelled by the truth."""
    return labels_of(lineage) == "truth"


def is_shuffled(lineage):
    """Whether the data of a lineage have the labels of other rows."""
    return labels_of(lineage) == "shuffled"


def shows_reconstructions(lineage):
    """Whether the captions of a lineage's data are held to what was painted."""
    return S.under(variant_of(lineage)).synthesis.critique.picture == "reconstruction"


def only_where(is_wanted, files):
    """What `files` says of the wildcards at hand, if `is_wanted` says so of their lineage; otherwise none."""
    return lambda wildcards: files(wildcards) if is_wanted(wildcards.lineage) else []


# --- training


def parse_lineage(name):
    """The parts of a lineage's name; an unknown phase stops here, with the list of known ones."""
    try:
        return S.training.lineage(name, S.variants)
    except ViperError as error:
        stop(error)


def training_data(wildcards):
    """The data sets of the last phase: synthesized by the model that its generation started from."""
    lineage = parse_lineage(wildcards.lineage)
    seed = wildcards.seed
    return [
        (
            L.cold(seed=seed)
            if name == "cold"
            else L.dataset(f"{name}/train.parquet", lineage=lineage.data_lineage, seed=seed)
        )
        for name in S.training.phases[lineage.phase].data
    ]


def data_maker(wildcards):
    """The checkpoint that made the data of a lineage's last phase: what it is compared with."""
    return parse_lineage(wildcards.lineage).data_lineage


def tables_of_maker(step):
    """The tables of one step of all shards, of the synthesis that a lineage is trained on."""
    return lambda wildcards: synthesized(step, data_maker(wildcards), wildcards.seed)


def cold_start_file(wildcards):
    """The file of chain-of-thought samples; one that is missing or empty stops the plan of what needs it."""
    source = S.training.cold_start.source
    if source == "truth":
        return []
    return given_file(
        "training.cold_start.source",
        source,
        "put JSON Lines with prompt, images, completion there, set it to 'truth', or leave the experiments out that have a"
        " cold phase",
        refuse=wanting,
    )


def launcher(wildcards):
    """The file that describes the processes of a training run; a change of it trains nothing anew."""
    path = S.training.machine.accelerate_config
    remedy = "write it with `accelerate config --config_file PATH`, or name one of envs/accelerate/"
    return ancient(given_file("training.machine.accelerate_config", path, remedy)) if path else []


def calibration_pairs(wildcards):
    """The file of labelled sentence pairs that tau is chosen on; none where they are drawn."""
    path = scale_of(wildcards).reward.calibration.pairs
    remedy = "put a table with the columns first, second, same there, or set it to 'world'"
    return [] if path == "world" else given_file("reward.calibration.pairs", path, remedy)


def data_card(wildcards):
    """The card of the data sets of the last phase, where they are synthesized."""
    lineage = parse_lineage(wildcards.lineage)
    if set(S.training.phases[lineage.phase].data) <= {"cold"}:
        return []
    return [path.format(seed=wildcards.seed, lineage=lineage.data_lineage) for path in rules.describe_datasets.output]


def is_rewarded(wildcards):
    """Whether the last phase is reinforcement learning, and so depends on the reward."""
    return S.training.phases[parse_lineage(wildcards.lineage).phase].method == "grpo"


def reward_threshold(wildcards):
    """The calibrated threshold, where the reward does not name one."""
    return calibrated(wildcards.lineage) if scale_of(wildcards).reward.tau == "calibrated" else []


def threshold(wildcards):
    """The same, where the phase is rewarded."""
    return reward_threshold(wildcards) if is_rewarded(wildcards) else []


def calibrated(lineage, file="tau.json"):
    """The threshold that was chosen for the embedder of a lineage, for whichever variant that was done, or a file beside it."""
    chosen_for = calibrated_as(S, lineage)
    return L.once("threshold", file if chosen_for == "base" else f"{chosen_for}/{file}")


def reward_embedder(wildcards):
    """The embedder that a rewarded phase needs besides its data."""
    return embedder_manifest(wildcards) if is_rewarded(wildcards) else []


def training_sections(wildcards):
    """All that a phase depends on; the reward where it is rewarded."""
    sections = S.training.sections(parse_lineage(wildcards.lineage).phase)
    return [*sections, "models.vlm.processor", "models.vlm.lens", *(["reward"] if is_rewarded(wildcards) else [])]


# --- evaluation


def own_answers(wildcards):
    """What a checkpoint that is made to begin otherwise answered by itself; nothing of one that is not."""
    lineage, _ = split_control(wildcards.lineage)
    seed = wildcards.get("seed")
    return [
        L.predictions(f"{name}.tsv", lineage=lineage, seed=seed, split=wildcards.split)
        for name in (S.evaluation.names if goes_on_from_own(S.evaluation, wildcards.lineage) else [])
    ]


def official_files():
    """The official benchmarks of this scale, with the pictures that their tables only name: all that is downloaded."""
    if S.evaluation.source == "world":
        return []
    folder, names = S.evaluation.folder, S.evaluation.names
    tables = [layout.official(folder, name) for name in names]
    return tables + [layout.given_pictures(folder, name) for name in names if name in PICTURES_APART]


def pictures_apart(wildcards):
    """The pictures of an official benchmark whose table only names them."""
    name = wildcards.name
    return layout.given_pictures(S.evaluation.folder, name) if name in PICTURES_APART else []


def split_named(name):
    """Stop with a sentence instead of a KeyError where a target asks for a split that the scale does not have."""
    if name not in S.evaluation.splits:
        known = ", ".join(S.evaluation.splits)
        stop(f"no split '{name}' in evaluation.splits; there are: {known}. Add it with a seed and a size")
    return name


# --- preflight


@cache
def kinds():
    """Kind → the minutes of the longest of its jobs, so that Slurm takes the nodes that it will take for these."""
    found = {}
    for each in workflow.rules:
        kind, runtime = kind_of(each)
        if kind is not None:
            found[kind.name] = max(runtime, found.get(kind.name, 0))
    return found


def kind_of(rule):
    """The kind of a rule's jobs and their minutes, as the command line leaves them; None where no cluster gets them."""
    if rule.name.startswith("preflight") or not insides.is_submitted(workflow, rule):
        return None, 0
    amounts = insides.first_amounts(rule, "gpu", "mem_mb", "runtime")
    if amounts is None:
        return None, 0
    threads, (gpu, mem_mb, runtime) = amounts
    return Kind(threads, gpu or gpus_of(rule), mem_mb), runtime


def gpus_of(rule):
    """GPUs on each node of a training on several."""
    return S.training.machine.job.gpu if insides.asks_for(rule, "gres") else 0


def parts_of(kind):
    """The models whose jobs are of this kind, also where the command line asks for other amounts than their sections."""
    jobs = {part: getattr(S.models, part).job for part in ("vlm", "painter", "editor")}
    jobs["training"] = S.training.machine.job
    of_kind = [each for each in workflow.rules if kind_of(each)[0] == kind]
    return [part for part, job in jobs.items() if any(runs_as(each, job) for each in of_kind)]


def runs_as(rule, job):
    """Whether a rule asks by itself for what a section `job` says, and so runs that section's model."""
    wanted = insides.declared(rule)
    if not {"gpu", "nodes"} & set(wanted):  # as `asked` says, and `asked_of_nodes`
        return False
    gpu = wanted.get("gpu", S.training.machine.job.gpu)
    return (gpu, wanted["mem_mb"](None, 1), wanted["runtime"](None, 1)) == (job.gpu, job.mem_mb, job.runtime)


def of_kind(amount):
    """A resource of the job that looks at a node: the same as of the jobs of its kind."""

    def asked_for(wildcards):
        return getattr(Kind.of(wildcards.kind), amount)

    return asked_for


wildcard_constraints:
    seed=r"\d+",
    shard=rf"\d+|{PILOT}",
    scale=r"[a-z0-9]+",
    lineage=rf"{ROOT}(\.[a-z0-9]+)*(\+[a-z0-9]+)?",
    split=r"[A-Za-z0-9_-]+",

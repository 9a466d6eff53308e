# Targets by name, in the order of the flow. Each is also a DVC stage (src/viper/provenance/stages.py), so that
# `snakemake … -- captions` and `dvc repro captions` mean the same. Experiments are targets by their names in params.yaml.


rule images:
    """The images that the loop starts from, for every seed."""
    input:
        expand(IMAGE_SHARDS, seed=S.seeds),


# What the base synthesizes, step by step; what a trained model synthesizes belongs to the experiment that wants it.
STEPS = ["captions", "reconstructions", "critiques", "refinements", "operations", "edits"]

for step in STEPS:

    rule:
        """What this step of the synthesis made of the seed images, for every seed."""
        name:
            step
        input:
            [
                L.synthesis(step, lineage="base", seed=seed, shard=shard)
                for seed in S.seeds
                for shard in range(S.images.all_shards)
            ],


rule dataset:
    """The CSR and VOP data sets that the base synthesized."""
    input:
        expand(rules.assemble_datasets.output + rules.describe_datasets.output, seed=S.seeds, lineage="base"),


rule benchmarks:
    """The benchmarks of the reported split, and of those that open questions are asked on."""
    input:
        expand(
            rules.make_benchmark.output,
            split=dict.fromkeys([S.analysis.split, *(section.split for section in S.answered_by_benchmarks.values())]),
            name=BENCHMARK_FILES,
        ),


rule threshold:
    """The reward's similarity threshold, where params.yaml wants it calibrated."""
    input:
        rules.calibrate_tau.output if S.reward.tau == "calibrated" else [],


# The trained checkpoints of each experiment and open question, and what else of it is too large for git: so a DVC stage of
# results has results alone, and is up to date after a pull.
for experiment, lineages, seeds in [
    *((name, lineages, S.seeds) for name, lineages in S.experiments.items()),
    *((name, section.lineages, S.asked_seeds) for name, section in QUESTIONS.items()),
]:

    rule:
        """The trained checkpoints of this experiment, for every seed that it has, and what else of it is too large for git."""
        name:
            f"train_{experiment}"
        input:
            [checkpoint(lineage, seed) for lineage in lineages for seed in seeds],
            TOO_LARGE.get(experiment, []),


rule archive:
    """All data sets and checkpoints of the experiments: what is too large for git."""
    input:
        rules.images.input,
        [getattr(rules, step).input for step in STEPS],
        rules.dataset.input,
        rules.benchmarks.input,
        [getattr(rules, f"train_{experiment}").input for experiment in S.experiments],


# Their evaluation; of a question that its own measurements answer, no benchmark is asked.
for experiment, lineages, split, seeds in [
    *((name, lineages, S.analysis.split, S.seeds) for name, lineages in S.experiments.items()),
    *((name, section.lineages, section.split, S.asked_seeds) for name, section in S.answered_by_benchmarks.items()),
]:

    rule:
        """The answers of this experiment's checkpoints on every benchmark."""
        name:
            f"evaluate_{experiment}"
        input:
            predictions(lineages, split, seeds),


rule figures:
    """Every figure."""
    input:
        [path for path in EXPERIMENTS if path.endswith((".png", ".svg", ".rst"))],

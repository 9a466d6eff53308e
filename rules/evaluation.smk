# Benchmarks drawn or linked once per split, and every checkpoint evaluated on all of them in one process.

BENCHMARK_FILES = S.evaluation.names


# What is trained has results for every seed; a base is the same for all of them and evaluated once.
CONTROL = r"(\+[a-z0-9]+)?"
TRAINED = rf"{ROOT}(\.[a-z0-9]+)+{CONTROL}"


wildcard_constraints:
    name="|".join(BENCHMARK_FILES),


if S.evaluation.source == "official":

    OFFICIAL = S.evaluation.folder

    # On a cluster they run where Snakemake itself runs: compute nodes often have no network.
    localrules:
        fetch_benchmark,
        fetch_benchmark_pictures,

    rule fetch_benchmark:
        """Download one official benchmark, once, and check it; a file put there stays."""
        output:
            layout.official(OFFICIAL),
        resources:
            mem_mb=per_attempt(16000),
            runtime=per_attempt(720),
        params:
            sections=[],
        shell:
            "HF_HUB_OFFLINE=0 python -m viper fetch-benchmark {wildcards.name:q} --output {output:q} 2>&1 | tee {log:q}"

    rule fetch_benchmark_pictures:
        """Download the pictures that an official table only names; pictures put there stay."""
        input:
            layout.official(OFFICIAL),
        output:
            layout.given_pictures(OFFICIAL),
        wildcard_constraints:
            name="|".join(PICTURES_APART),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(120),
        params:
            folder=lambda wildcards, output: Path(output[0]).parent,
            sections=[],
        shell:
            "HF_HUB_OFFLINE=0 python -m viper fetch-benchmark-pictures {input:q} --folder {params.folder:q} 2>&1 | tee {log:q}"

    rule unpack_benchmark:
        """One official benchmark as a small table and picture files, once for all jobs, splits and scales."""
        input:
            table=layout.official(OFFICIAL),
            pictures=pictures_apart,
        output:
            layout.unpacked(OFFICIAL),
        resources:
            mem_mb=per_attempt(8000),
            runtime=per_attempt(480),
        params:
            pictures=lambda wildcards: Path(layout.given_pictures(OFFICIAL, wildcards.name)).parent,
            folder=lambda wildcards, output: Path(output[0]).parent,
            sections=[],
        shell:
            "python -m viper unpack-benchmark {wildcards.name:q} --table {input.table:q} --pictures {params.pictures:q}"
            " --folder {params.folder:q} > {log:q} 2>&1"


rule make_benchmark:
    """One benchmark of one split: drawn from the split's seed, or a link to the table of the unpacked official one."""
    input:
        [] if S.evaluation.source == "world" else layout.unpacked(S.evaluation.folder),
    output:
        L.benchmark(),
    localrule: S.evaluation.source == "official"  # no more than a link
    resources:
        runtime=per_attempt(30),
    params:
        sections=lambda wildcards: S.evaluation.sections_of_benchmark(split_named(wildcards.split)),
    shell:
        "python -m viper make-benchmark {wildcards.name:q} --split {wildcards.split:q} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"


rule evaluate:
    """One checkpoint on every benchmark of one split, through VLMEvalKit, with per-item predictions.

    An interrupted run goes on from the answers that it has in work/, which success removes.
    """
    input:
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
        benchmarks=[L.benchmark(name=name) for name in BENCHMARK_FILES],
        own=own_answers,
    output:
        answers=[L.predictions(f"{name}.tsv") for name in BENCHMARK_FILES],
        scores=L.predictions("scores.json"),
    wildcard_constraints:
        lineage=TRAINED,
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        benchmarks=lambda wildcards, input: repeated("--benchmark", input.benchmarks),
        answers=lambda wildcards, output: repeated("--answers", output.answers),
        own=lambda wildcards, input: repeated("--own", input.own),
        work=lambda wildcards: L.answering(lineage=wildcards.lineage, split=wildcards.split, seed=wildcards.get("seed")),
        sections=lambda wildcards: [
            "models.vlm",
            *S.evaluation.sections_of_answers(split_named(wildcards.split), wildcards.lineage),
        ],
    shell:
        "OMP_NUM_THREADS={threads} python -m viper evaluate --checkpoint {input.checkpoint:q} {params.benchmarks:q}"
        " {params.answers:q} {params.own:q} --scores {output.scores:q} --work {params.work:q}"
        " --lineage {wildcards.lineage:q} --split {wildcards.split:q} --options {params.options:q} 2>&1 | tee {log:q}"


# The same for what is not trained.
use rule evaluate as evaluate_base with:
    input:
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, None),
        benchmarks=rules.evaluate.input.benchmarks,
        own=own_answers,
    output:
        answers=[L.predictions(f"{name}.tsv", seed=None) for name in BENCHMARK_FILES],
        scores=L.predictions("scores.json", seed=None),
    wildcard_constraints:
        lineage=f"{ROOT}{CONTROL}",


if S.evaluation.admission:

    rule admission:
        """Every kind of question put to the base, on clear pictures and through its lens: which ones may be asked."""
        input:
            checkpoint("base", None),
        output:
            L.once("admission", "admission.csv"),
        threads: S.models.vlm.job.threads
        resources:
            **asked(S.models.vlm.job),
        params:
            sections=["models.vlm", "evaluation"],
        shell:
            "OMP_NUM_THREADS={threads} python -m viper measure-admission --checkpoint {input:q} --options {params.options:q}"
            " --output {output:q} 2>&1 | tee {log:q}"

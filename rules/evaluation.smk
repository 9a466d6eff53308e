# Benchmarks drawn or linked once per split, and every checkpoint evaluated on all of them in one process.

BENCHMARK_FILES = S.evaluation.names


# What is trained has results for every seed; the base is the same for all of them and evaluated once.
CONTROL = r"(\+[a-z0-9]+)?"
TRAINED = rf"{ROOT}(\.[a-z0-9]+)+{CONTROL}"


wildcard_constraints:
    name="|".join(BENCHMARK_FILES),


if S.evaluation.source == "official":

    localrules:
        fetch_benchmark,

    rule fetch_benchmark:
        """Download one official benchmark, once, and check it against its published MD5; a file put there stays."""
        output:
            f"{S.evaluation.folder}/{{name}}.tsv",
        resources:
            mem_mb=per_attempt(16000),
            runtime=per_attempt(720),
        params:
            sections=[],
        shell:
            "HF_HUB_OFFLINE=0 python -m viper fetch-benchmark {wildcards.name:q} --output {output:q} 2>&1 | tee {log:q}"


rule make_benchmark:
    """One benchmark of one split: drawn from the split's seed, or a link to the official file."""
    input:
        [] if S.evaluation.source == "world" else f"{S.evaluation.folder}/{{name}}.tsv",
    output:
        L.benchmark(),
    resources:
        runtime=per_attempt(30),
    params:
        sections=lambda wildcards: S.evaluation.sections_of_benchmark(split_named(wildcards.split)),
    shell:
        "python -m viper make-benchmark {wildcards.name:q} --split {wildcards.split:q} --options {params.options:q}"
        " --output {output:q} > {log:q} 2>&1"


rule evaluate:
    """One checkpoint on every benchmark of one split, through VLMEvalKit, with per-item predictions."""
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
        sections=lambda wildcards: [
            "models.vlm",
            *S.evaluation.sections_of_answers(split_named(wildcards.split), wildcards.lineage),
        ],
    shell:
        "OMP_NUM_THREADS={threads} python -m viper evaluate --checkpoint {input.checkpoint:q} {params.benchmarks:q}"
        " {params.answers:q} {params.own:q} --scores {output.scores:q} --lineage {wildcards.lineage:q} --split {wildcards.split:q}"
        " --options {params.options:q} 2>&1 | tee {log:q}"


# The same for what is not trained.
use rule evaluate as evaluate_base with:
    input:
        checkpoint=checkpoint("base", None),
        benchmarks=rules.evaluate.input.benchmarks,
        own=own_answers,
    output:
        answers=[L.predictions(f"{name}.tsv", seed=None) for name in BENCHMARK_FILES],
        scores=L.predictions("scores.json", seed=None),
    wildcard_constraints:
        lineage=f"base{CONTROL}",


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

# Benchmarks drawn or linked once a split, and every checkpoint evaluated on all of them in one process.

# The paper's name of a benchmark → the one that is run at this scale.
BENCHMARK_FILES = S.evaluation.benchmarks


wildcard_constraints:
    name="|".join(BENCHMARK_FILES.values()),


rule make_benchmark:
    """One benchmark of one split: drawn from the split's seed, or a link to the official file."""
    output:
        f"data/{SCALE}/benchmarks/{{split}}/{{name}}.tsv",
    log:
        f"logs/{SCALE}/make_benchmark/{{split}}/{{name}}.log",
    benchmark:
        f"benchmarks/{SCALE}/make_benchmark/{{split}}/{{name}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
    params:
        options=lambda wildcards: S.evaluation.benchmark_options(split_named(wildcards.split)),
    shell:
        "python -m viper make-benchmark {wildcards.name} --options {params.options:q} --output {output} > {log} 2>&1"


rule evaluate:
    """One checkpoint on every benchmark of one split, through VLMEvalKit, with per-item predictions."""
    input:
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
        benchmarks=expand("data/{scale}/benchmarks/{{split}}/{name}.tsv", scale=SCALE, name=BENCHMARK_FILES.values()),
    output:
        expand(
            "results/{scale}/predictions/seed{{seed}}/{{lineage}}/{{split}}/{name}.tsv",
            scale=SCALE,
            name=BENCHMARK_FILES.values(),
        ),
        scores=f"results/{SCALE}/predictions/seed{{seed}}/{{lineage}}/{{split}}/scores.json",
    log:
        f"logs/{SCALE}/evaluate/seed{{seed}}/{{lineage}}/{{split}}.log",
    benchmark:
        f"benchmarks/{SCALE}/evaluate/seed{{seed}}/{{lineage}}/{{split}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.vlm.job.threads
    resources:
        mem_mb=per_attempt(S.models.vlm.job.mem_mb),
        runtime=per_attempt(S.models.vlm.job.runtime),
        gpu=S.models.vlm.job.gpu,
    params:
        benchmarks=lambda wildcards, input: " ".join(f"--benchmark {path}" for path in input.benchmarks),
        options=lambda wildcards: S.evaluation.evaluate_options(
            split_named(wildcards.split), S.models.vlm, wildcards.lineage
        ),
        folder=lambda wildcards, output: Path(output.scores).parent,
    shell:
        "OMP_NUM_THREADS={threads} python -m viper evaluate --checkpoint {input.checkpoint} {params.benchmarks}"
        " --options {params.options:q} --output {params.folder} 2>&1 | tee {log}"

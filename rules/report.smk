# What the report shows beside tables and figures.


rule timings:
    """Where the time went: seconds and peak memory of every job up to the figures."""
    input:
        rules.main.input,
    output:
        report(f"results/{SCALE}/tables/timings.csv", caption="../docs/report/timings.rst", category="Run times"),
    log:
        f"logs/{SCALE}/timings.log",
    benchmark:
        f"benchmarks/{SCALE}/timings.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        folder=f"benchmarks/{SCALE}",
        logs=f"logs/{SCALE}",
    shell:
        "python -m viper timings {params.folder} --logs {params.logs} --output {output} > {log} 2>&1"

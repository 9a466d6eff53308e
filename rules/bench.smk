# How fast the expensive steps are, against plain ways of doing them: `make bench`. Not part of `all`: it measures the
# machine, so its numbers differ from run to run, and it wants the machine to itself.

SPEED = "results/benchmarks"
COMPARED = ["grpo", "synthesis", "reward", "evaluation"]


rule bench:
    """Every speed measurement and its figure."""
    input:
        f"{SPEED}/size.csv",
        f"{SPEED}/speed.png",


rule measure_speed:
    """One step of the experiment and the plain way of doing it, timed in turns."""
    input:
        [f"{getattr(S.models, part).path}/manifest.json" for part in ("vlm", "painter", "editor")],
    output:
        f"{SPEED}/{{what}}.csv",
    log:
        "logs/benchmarks/{what}.log",
    benchmark:
        "benchmarks/benchmarks/{what}.tsv"
    wildcard_constraints:
        what="|".join(COMPARED),
    threads: lambda wildcards: workflow.cores  # nothing else may run beside a measurement
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(60),
    params:
        sections=["models", "synthesis", "reward", "evaluation"],
    shell:
        "python -m viper measure-speed {wildcards.what:q} --options {params.options:q} --out {output:q}"
        " --threads {threads} 2>&1 | tee {log:q}"


rule measure_size:
    """Seconds and peak memory of the loop on 1, 2, 4 and 8 times the seed images."""
    input:
        [f"{getattr(S.models, part).path}/manifest.json" for part in ("vlm", "painter", "editor")],
    output:
        f"{SPEED}/size.csv",
    log:
        "logs/benchmarks/size.log",
    benchmark:
        "benchmarks/benchmarks/size.tsv"
    threads: lambda wildcards: workflow.cores
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(60),
    params:
        sections=["models", "synthesis"],
    shell:
        "python -m viper measure-size --options {params.options:q} --out {output:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule plot_speed:
    """How many times as fast each step is, with the spread and what was aimed for."""
    input:
        expand(f"{SPEED}/{{what}}.csv", what=COMPARED),
    output:
        png=f"{SPEED}/speed.png",
        svg=f"{SPEED}/speed.svg",
        caption=f"{SPEED}/speed.rst",
    log:
        "logs/benchmarks/plot.log",
    benchmark:
        "benchmarks/benchmarks/plot.tsv"
    params:
        sections=[],
    shell:
        "python -m viper plot-speed {input:q} --output {output.png:q} --output {output.svg:q}"
        " --caption {output.caption:q} > {log:q} 2>&1"

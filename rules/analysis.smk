# Tables from per-item predictions, figures from tables.

TABLES = f"results/{SCALE}/tables"
FIGURES = f"results/{SCALE}/figures"


rule tables:
    """The paper's main table: lineages by benchmarks, and by the sub-domains of MMStar."""
    input:
        predictions(S.experiments["main"]),
    output:
        main=report(f"{TABLES}/main.csv", caption="../docs/report/main_table.rst", category="Tables"),
        main_md=f"{TABLES}/main.md",
        subdomains=report(f"{TABLES}/subdomains.csv", caption="../docs/report/subdomains.rst", category="Tables"),
        subdomains_md=f"{TABLES}/subdomains.md",
    log:
        f"logs/{SCALE}/tables.log",
    benchmark:
        f"benchmarks/{SCALE}/tables.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=compare(S.experiments["main"]),
        benchmarks=options("evaluation.benchmarks"),
        options=options("analysis"),
        title=f"Main experiment at scale {SCALE}",
    shell:
        "python -m viper tables --predictions {params.predictions} {params.compare} --benchmarks {params.benchmarks:q}"
        " --options {params.options:q} --title {params.title:q} --main {output.main} --subdomains {output.subdomains}"
        " > {log} 2>&1"


rule claims:
    """The paper's claims, each with its verdict, from every lineage of every experiment."""
    input:
        predictions(LINEAGES),
    output:
        report(f"{TABLES}/claims.csv", caption="../docs/report/claims.rst", category="Tables"),
    log:
        f"logs/{SCALE}/claims.log",
    benchmark:
        f"benchmarks/{SCALE}/claims.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=compare(LINEAGES),
        benchmarks=options("evaluation.benchmarks"),
        options=options("analysis"),
    shell:
        "python -m viper claims --predictions {params.predictions} {params.compare} --benchmarks {params.benchmarks:q}"
        " --options {params.options:q} --output {output} > {log} 2>&1"


rule figure_main:
    """The main table as a picture."""
    input:
        f"{TABLES}/main.csv",
    output:
        png=f"{FIGURES}/main.png",
        svg=report(f"{FIGURES}/main.svg", caption=f"../{FIGURES}/main.rst", category="Figures"),
        caption=f"{FIGURES}/main.rst",
    log:
        f"logs/{SCALE}/figure_main.log",
    benchmark:
        f"benchmarks/{SCALE}/figure_main.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        options=options("analysis"),
    shell:
        "python -m viper figure {input} --options {params.options:q} --output {output.png} --output {output.svg}"
        " --caption {output.caption} > {log} 2>&1"


rule figure_loop:
    """One turn of the loop in real pictures."""
    input:
        seeds=f"data/{SCALE}/seed{S.run_seeds[0]}/seeds/shard0.parquet",
        steps=expand(
            "data/{scale}/seed{seed}/synthesis/base/{step}/shard0.parquet",
            scale=SCALE,
            seed=S.run_seeds[0],
            step=["captions", "reconstructions", "critiques", "operations", "edits"],
        ),
    output:
        png=report(f"{FIGURES}/loop.png", caption=f"../{FIGURES}/loop.rst", category="Figures"),
        caption=f"{FIGURES}/loop.rst",
    log:
        f"logs/{SCALE}/figure_loop.log",
    benchmark:
        f"benchmarks/{SCALE}/figure_loop.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(10),
    params:
        synthesis=lambda wildcards: f"data/{SCALE}/seed{S.run_seeds[0]}/synthesis/base",
    shell:
        "python -m viper loop-figure --synthesis {params.synthesis} --seeds {input.seeds} --output {output.png}"
        " --caption {output.caption} > {log} 2>&1"


rule main:
    """The main experiment: its tables, verdicts and figure."""
    input:
        rules.tables.output,
        rules.claims.output,
        rules.figure_main.output,
        rules.figure_loop.output,

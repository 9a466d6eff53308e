# The main experiment's tables from per-item predictions, its figure, and the claims of the paper.

TABLES = f"results/{SCALE}/tables"
FIGURES = f"results/{SCALE}/figures"


rule tables:
    """The paper's main table: lineages by benchmarks, and by the sub-domains of MMStar."""
    input:
        predictions(S.experiments["main"]),
    output:
        main=f"{TABLES}/main.csv",
        main_md=f"{TABLES}/main.md",
        subdomains=f"{TABLES}/subdomains.csv",
        subdomains_md=f"{TABLES}/subdomains.md",
        claims=f"{TABLES}/main_claims.csv",
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=compare(S.experiments["main"]),
        sections=["experiments.main", "run_seeds", "evaluation.benchmarks", "analysis"],
        title=f"Main experiment at scale {SCALE}",
    shell:
        "python -m viper tables --predictions {params.predictions:q} {params.compare:q}"
        " --options {params.options:q} --title {params.title:q} --main {output.main:q}"
        " --subdomains {output.subdomains:q} --claims {output.claims:q} > {log:q} 2>&1"


rule claims:
    """The paper's claims, each with its verdict, from every lineage of every experiment, and the page that shows them."""
    input:
        predictions=predictions(LINEAGES),
        attention=attention(ATTENTION),
    output:
        csv=f"{TABLES}/claims.csv",
        page=f"{TABLES}/claims.md",
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=compare(LINEAGES),
        attention=lambda wildcards: f"results/{SCALE}/attention",
        attention_lineages=repeated("--attention-lineage", ATTENTION),
        sections=["experiments", "run_seeds", "evaluation.benchmarks", "analysis"],
        scale=SCALE,
    shell:
        "python -m viper claims --predictions {params.predictions:q} --attention {params.attention:q}"
        " {params.attention_lineages:q} {params.compare:q}"
        " --options {params.options:q} --scale {params.scale:q} --output {output.csv:q} > {log:q} 2>&1"


rule figure_main:
    """The main table as a picture."""
    input:
        f"{TABLES}/main.csv",
    output:
        png=f"{FIGURES}/main.png",
        svg=report(f"{FIGURES}/main.svg", caption=f"../{FIGURES}/main.rst", category="Figures"),
        caption=f"{FIGURES}/main.rst",
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-scores main {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule scores:
    """The main table as JSON, for `dvc metrics show` and `dvc metrics diff`."""
    input:
        f"{TABLES}/main.csv",
    output:
        f"results/{SCALE}/scores.json",
    params:
        sections=[],
    shell:
        "python -m viper scores {input:q} --output {output:q} > {log:q} 2>&1"


rule loop_examples:
    """The seed images that the figure of the loop shows, with what each step made of them."""
    input:
        seeds=f"data/{SCALE}/seed{S.run_seeds[0]}/seeds/shard0.parquet",
        steps=expand(
            "data/{scale}/seed{seed}/synthesis/base/{step}/shard0.parquet",
            scale=SCALE,
            seed=S.run_seeds[0],
            step=["captions", "reconstructions", "critiques", "operations", "edits"],
        ),
    output:
        f"{TABLES}/loop_examples.parquet",
    params:
        synthesis=lambda wildcards: f"data/{SCALE}/seed{S.run_seeds[0]}/synthesis/base",
        sections=["run_seeds"],
    shell:
        "python -m viper loop-examples --synthesis {params.synthesis:q} --seeds {input.seeds:q} --output {output:q}"
        " > {log:q} 2>&1"


rule figure_loop:
    """One turn of the loop in real pictures."""
    input:
        f"{TABLES}/loop_examples.parquet",
    output:
        png=report(f"{FIGURES}/loop.png", caption=f"../{FIGURES}/loop.rst", category="Figures"),
        caption=f"{FIGURES}/loop.rst",
    params:
        sections=[],
    shell:
        "python -m viper figure-loop {input:q} --output {output.png:q} --caption {output.caption:q} > {log:q} 2>&1"


# What the main experiment shows.
MAIN = [*rules.tables.output, *rules.figure_main.output, *rules.figure_loop.output, *rules.scores.output]


rule main:
    """The main experiment: its tables, verdicts and figures."""
    input:
        MAIN,

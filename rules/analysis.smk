# The main experiment's tables from per-item predictions, its figure, and the claims of the paper.


rule tables:
    """The paper's main table: lineages by benchmarks, and by the sub-domains of MMStar."""
    input:
        predictions(S.experiments["main"]),
    output:
        main=L.table("main", "main"),
        main_page=L.table("main", "main", ".md"),
        subdomains=L.table("main", "subdomains"),
        subdomains_page=L.table("main", "subdomains", ".md"),
        claims=L.table("main", "main_claims"),
    params:
        compared=compared(S.experiments["main"]),
        sections=["experiments.main", "seeds", "evaluation.source", "evaluation.benchmarks", "analysis"],
        title=f"Main experiment at scale {SCALE}",
    shell:
        "python -m viper tables {input:q} {params.compared:q} --options {params.options:q} --title {params.title:q}"
        " --main {output.main:q} --main-page {output.main_page:q} --subdomains {output.subdomains:q}"
        " --subdomains-page {output.subdomains_page:q} --claims {output.claims:q} > {log:q} 2>&1"


rule judge_claims:
    """Every claim with its number, interval and verdict, as a table and as a page."""
    input:
        predictions=predictions(LINEAGES),
        attention=attention(ATTENTION),
    output:
        csv=L.table("claims", "claims"),
        page=L.table("claims", "claims", ".md"),
    params:
        compared=compared(LINEAGES),
        attention=lambda wildcards, input: repeated("--attention", input.attention),
        attention_lineages=repeated("--attention-lineage", ATTENTION),
        sections=["experiments", "seeds", "evaluation.source", "evaluation.benchmarks", "analysis"],
        scale=SCALE,
    shell:
        "python -m viper claims {input.predictions:q} {params.attention:q} {params.attention_lineages:q}"
        " {params.compared:q} --options {params.options:q} --scale {params.scale:q} --output {output.csv:q}"
        " --page {output.page:q} > {log:q} 2>&1"


rule claims:
    """The paper's claims, each with its verdict, from every lineage of every experiment."""
    input:
        rules.judge_claims.output,


rule figure_main:
    """The main table as a picture."""
    input:
        rules.tables.output.main,
    output:
        **figure("main", "main"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-scores main {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule scores:
    """The main table as JSON, for `dvc metrics show` and `dvc metrics diff`."""
    input:
        rules.tables.output.main,
    output:
        L.table("main", "scores", ".json"),
    params:
        sections=[],
    shell:
        "python -m viper scores {input:q} --output {output:q} > {log:q} 2>&1"


rule loop_examples:
    """The seed images that the figure of the loop shows, with what each step made of them."""
    input:
        **{
            step: L.synthesis(step, lineage="base", seed=S.seeds[0], shard=0)
            for step in ["captions", "reconstructions", "critiques", "operations", "edits"]
        },
        images=L.images(seed=S.seeds[0], shard=0),
    output:
        L.table("main", "loop_examples", ".parquet"),
    params:
        sections=["seeds"],
    shell:
        "python -m viper loop-examples {input.images:q} --captions {input.captions:q}"
        " --reconstructions {input.reconstructions:q} --critiques {input.critiques:q}"
        " --operations {input.operations:q} --edits {input.edits:q} --output {output:q} > {log:q} 2>&1"


rule figure_loop:
    """One turn of the loop in real pictures."""
    input:
        rules.loop_examples.output,
    output:
        png=report(L.table("main", "loop", ".png"), caption=f"../{L.table('main', 'loop', '.rst')}", category="Figures"),
        caption=L.table("main", "loop", ".rst"),
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

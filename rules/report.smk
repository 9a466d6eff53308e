# What the report shows beside figures: tables as pages, since it only offers CSV files for download, and run times.

# All results of all experiments.
EXPERIMENTS = [
    *MAIN,
    *[path for ablation in ABLATIONS for path in getattr(rules, ablation).input],
    *(rules.figure_attention.output if ATTENTION else []),
    *(rules.figure_wordcloud.output if "figure_wordcloud" in S.experiments else []),
    *rules.claims.output,
    *(rules.measure_base_models.output if S.models.checker else []),
]

# Table → its caption in docs/report.
PAGES = {"claims": "claims", "main": "main_table", "subdomains": "subdomains"}
for ablation in ABLATIONS:
    PAGES |= {ablation: "main_table", f"{ablation}_subdomains": "subdomains"}
    if f"{TABLES}/{ablation}_crossings.csv" in EXPERIMENTS:
        PAGES[f"{ablation}_crossings"] = "crossings"
if ATTENTION:
    PAGES |= {"attention": "attention", "attention_pairs": "attention_pairs"}
if "figure_wordcloud" in S.experiments:
    PAGES["words"] = "words"
if S.models.checker:
    PAGES["fidelity"] = "fidelity"
PAGES |= {"timings": "timings", "cost": "cost"}


rule timings:
    """Where the time went: seconds and peak memory of every job up to the figures."""
    input:
        EXPERIMENTS,
    output:
        f"{TABLES}/timings.csv",
    params:
        folder=f"benchmarks/{SCALE}",
        logs=f"logs/{SCALE}",
        sections=[],
    shell:
        "python -m viper timings {params.folder:q} --logs {params.logs:q} --output {output:q} > {log:q} 2>&1"


rule report_pages:
    """The tables as pages, in which nothing that a model wrote becomes markup."""
    input:
        [f"{TABLES}/{name}.csv" for name in PAGES],
    output:
        [
            report(
                f"results/{SCALE}/pages/{name}.html",
                caption=f"../docs/report/{caption}.rst",
                category="Run times" if name in ("timings", "cost") else "Tables",
            )
            for name, caption in PAGES.items()
        ],
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        sections=[],
    shell:
        "python -m viper table-pages {input:q} --folder {params.folder:q} > {log:q} 2>&1"

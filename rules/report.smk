# What the report shows beside figures: tables as pages, since it only offers CSV files for download, and run times.

# All results of all experiments.
EXPERIMENTS = [
    *MAIN,
    *[path for ablation in ABLATIONS for path in getattr(rules, ablation).input],
    *(rules.figure_attention.output if ATTENTION else []),
    *(rules.figure_wordcloud.output if "figure_wordcloud" in S.experiments else []),
    *rules.judge_claims.output,
    *(rules.measure_fidelity.output if S.models.checker else []),
    *(rules.audit_steps.output if S.has_truth else []),
]

# Table → its caption in docs/report.
PAGES = {rules.judge_claims.output.csv: "claims", rules.tables.output.main: "main_table"}
PAGES |= {rules.tables.output.subdomains: "subdomains"}
for ablation in ABLATIONS:
    PAGES |= {L.table(ablation, ablation): "main_table", L.table(ablation, f"{ablation}_subdomains"): "subdomains"}
    if L.table(ablation, f"{ablation}_crossings") in EXPERIMENTS:
        PAGES[L.table(ablation, f"{ablation}_crossings")] = "crossings"
if ATTENTION:
    PAGES |= {rules.attention_table.output.table: "attention", rules.attention_table.output.pairs: "attention_pairs"}
if "figure_wordcloud" in S.experiments:
    PAGES[rules.word_table.output[0]] = "words"
if S.models.checker:
    PAGES[rules.measure_fidelity.output[0]] = "fidelity"
PAGES |= {L.table(REPORT, name): name for name in ("timings", "cost")}


rule timings:
    """Where the time went: seconds and peak memory of every job up to the figures."""
    input:
        EXPERIMENTS,
    output:
        L.table(REPORT, "timings"),
    params:
        scale=SCALE,
        config=CONFIG,
        sections=[],
    shell:
        "python -m viper timings {input:q} --scale {params.scale:q} --config {params.config:q} --output {output:q}"
        " > {log:q} 2>&1"


rule report_pages:
    """The tables as pages, in which nothing that a model wrote becomes markup."""
    input:
        list(PAGES),
    output:
        [
            report(
                L.table(REPORT, Path(table).stem, ".html"),
                caption=f"../docs/report/{caption}.rst",
                category="Run times" if caption in ("timings", "cost") else "Tables",
            )
            for table, caption in PAGES.items()
        ],
    params:
        pages=lambda wildcards, output: repeated("--page", output),
        sections=[],
    shell:
        "python -m viper table-pages {input:q} {params.pages:q} > {log:q} 2>&1"

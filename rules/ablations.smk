# Ablations and the figures beside them. Every experiment of params.yaml that has no rule of its own becomes a target of
# its name: its tables, and the figures that rules/common.smk names. A new ablation is one line in params.yaml (docs/experiments.md).


for ablation in ABLATIONS:
    if "rewards" in kinds_of_figures(ablation) and not rewarded(S.experiments[ablation]):
        stop(
            f"experiments.{ablation} draws the rewards of training, and no phase of its lineages has one: add a lineage "
            "such as base.csr, or remove the experiment"
        )


wildcard_constraints:
    experiment="|".join(ABLATIONS) or "none",


rule ablation_tables:
    """An ablation's lineages by benchmarks, and by the sub-domains of MMStar; the claims that it decides."""
    input:
        lambda wildcards: predictions(S.experiments[wildcards.experiment]),
    output:
        main=L.table("{experiment}", "{experiment}"),
        main_page=L.table("{experiment}", "{experiment}", ".md"),
        subdomains=L.table("{experiment}", "{experiment}_subdomains"),
        subdomains_page=L.table("{experiment}", "{experiment}_subdomains", ".md"),
        claims=L.table("{experiment}", "{experiment}_claims"),
    params:
        compared=lambda wildcards: compared(S.experiments[wildcards.experiment]),
        sections=lambda wildcards: [
            f"experiments.{wildcards.experiment}",
            "seeds",
            "evaluation.source",
            "evaluation.benchmarks",
            "analysis",
        ],
        title=lambda wildcards: f"{wildcards.experiment} at scale {SCALE}",
    shell:
        "python -m viper tables {input:q} {params.compared:q} --options {params.options:q} --title {params.title:q}"
        " --main {output.main:q} --main-page {output.main_page:q} --subdomains {output.subdomains:q}"
        " --subdomains-page {output.subdomains_page:q} --claims {output.claims:q} > {log:q} 2>&1"


rule reward_curves:
    """An ablation's rewards over the steps of training, and where the first lineage overtakes the others."""
    input:
        lambda wildcards: reward_metrics(rewarded(S.experiments[wildcards.experiment])),
    output:
        curves=L.table("{experiment}", "{experiment}_rewards"),
        crossings=L.table("{experiment}", "{experiment}_crossings"),
    params:
        compared=lambda wildcards: compared(rewarded(S.experiments[wildcards.experiment])),
        sections=lambda wildcards: [f"experiments.{wildcards.experiment}", "seeds", "analysis"],
    shell:
        "python -m viper reward-curves {input:q} {params.compared:q} --options {params.options:q} --curves {output.curves:q}"
        " --crossings {output.crossings:q} > {log:q} 2>&1"


for ablation in ABLATIONS:

    # Not one rule with wildcards: the report takes the path of a caption as it stands.
    for kind in kinds_of_figures(ablation):

        rule:
            """One figure of an ablation: rewards over steps, or the scores of its sub-domains."""
            name:
                f"plot_{ablation}_{kind.replace('-', '_')}"
            input:
                (
                    [L.table(ablation, f"{ablation}_{name}") for name in ("rewards", "crossings")]
                    if kind == "rewards"
                    else L.table(ablation, f"{ablation}_subdomains")
                ),
            output:
                **figure(ablation, f"{ablation}_{kind}"),
            params:
                kind=["figure-rewards"] if kind == "rewards" else ["figure-scores", kind],
                sections=["analysis"],
            shell:
                "python -m viper {params.kind:q} {input:q} --options {params.options:q} --output {output.png:q}"
                " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"

    rule:
        """One ablation: its tables and figures."""
        name:
            ablation
        input:
            ablation_tables(ablation),
            ablation_figures(ablation),


if ATTENTION:

    rule measure_attention:
        """Where a model looks while it is made to say what was changed between pictures that nobody trained on."""
        input:
            checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
            pairs=L.dataset("vop/test.parquet", lineage="base"),
        output:
            L.attention(),
        threads: S.models.vlm.job.threads
        resources:
            **asked(S.models.vlm.job),
        params:
            sections=["models.vlm", "evaluation.attention"],
        shell:
            "OMP_NUM_THREADS={threads} python -m viper measure-attention --checkpoint {input.checkpoint:q}"
            " --pairs {input.pairs:q} --options {params.options:q} --output {output:q} 2>&1"
            " | tee {log:q}"

    rule attention_table:
        """Attention inside the changed region, before and after each stage, with intervals over pairs and seeds."""
        input:
            attention=attention(ATTENTION),
            held_out=L.dataset("vop/test.parquet", lineage="base", seed=S.seeds[0]),
        output:
            table=L.table("figure_attention", "attention"),
            pairs=L.table("figure_attention", "attention_pairs"),
            maps=L.table("figure_attention", "attention_maps", ".parquet"),
        params:
            compared=compared(ATTENTION),
            sections=["experiments.figure_attention", "seeds", "analysis"],
        shell:
            "python -m viper attention-table {input.attention:q} {params.compared:q}"
            " --held-out {input.held_out:q} --options {params.options:q} --table {output.table:q}"
            " --pairs {output.pairs:q} --maps {output.maps:q} > {log:q} 2>&1"

    rule figure_attention:
        """Attention over the edited pictures, and its share inside the changed region."""
        input:
            table=rules.attention_table.output.table,
            maps=rules.attention_table.output.maps,
        output:
            **figure("figure_attention", "attention"),
        params:
            sections=["analysis"],
        shell:
            "python -m viper figure-attention {input.table:q} {input.maps:q} --options {params.options:q}"
            " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


if "figure_wordcloud" in S.experiments:
    BEFORE, AFTER = S.experiments["figure_wordcloud"]

    rule word_table:
        """Words of the reasoning on the same questions, after training against before: log-odds with a prior."""
        input:
            predictions([BEFORE, AFTER]),
        output:
            L.table("figure_wordcloud", "words"),
        params:
            compared=["--before", BEFORE, "--after", AFTER],
            sections=["experiments.figure_wordcloud", "seeds", "evaluation.benchmarks", "analysis"],
        shell:
            "python -m viper word-table {input:q} {params.compared:q} --options {params.options:q} --output {output:q}"
            " > {log:q} 2>&1"

    rule figure_wordcloud:
        """The words that a model reasons with more after training than before."""
        input:
            rules.word_table.output,
        output:
            **figure("figure_wordcloud", "wordcloud"),
        params:
            lineages=["--before", BEFORE, "--after", AFTER],
            sections=["experiments.figure_wordcloud", "analysis"],
        shell:
            "python -m viper figure-words {input:q} {params.lineages:q} --options {params.options:q}"
            " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"

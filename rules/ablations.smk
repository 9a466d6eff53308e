# Ablations and the figures beside them. Every experiment of params.yaml that has no rule of its own becomes a target of
# its name: its tables, and the figures that rules/common.smk names. A new ablation is one line in params.yaml (docs/experiments.md).


wildcard_constraints:
    experiment="|".join(ABLATIONS) or "none",


rule ablation_tables:
    """An ablation's lineages by benchmarks, and by the sub-domains of MMStar; the claims that it decides."""
    input:
        lambda wildcards: predictions(S.experiments[wildcards.experiment]),
    output:
        main=f"{TABLES}/{{experiment}}.csv",
        main_md=f"{TABLES}/{{experiment}}.md",
        subdomains=f"{TABLES}/{{experiment}}_subdomains.csv",
        subdomains_md=f"{TABLES}/{{experiment}}_subdomains.md",
        claims=f"{TABLES}/{{experiment}}_claims.csv",
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=lambda wildcards: compare(S.experiments[wildcards.experiment]),
        sections=lambda wildcards: [
            f"experiments.{wildcards.experiment}",
            "run_seeds",
            "evaluation.benchmarks",
            "analysis",
        ],
        title=lambda wildcards: f"{wildcards.experiment} at scale {SCALE}",
    shell:
        "python -m viper tables --predictions {params.predictions:q} {params.compare:q}"
        " --options {params.options:q} --title {params.title:q} --main {output.main:q}"
        " --subdomains {output.subdomains:q} --claims {output.claims:q} > {log:q} 2>&1"


rule reward_curves:
    """An ablation's rewards over the steps of training, and where the first lineage overtakes the others."""
    input:
        lambda wildcards: reward_metrics(S.experiments[wildcards.experiment]),
    output:
        curves=f"{TABLES}/{{experiment}}_rewards.csv",
        crossings=f"{TABLES}/{{experiment}}_crossings.csv",
    params:
        metrics=lambda wildcards: f"results/{SCALE}/metrics",
        compare=lambda wildcards: compare(S.experiments[wildcards.experiment]),
        sections=lambda wildcards: [f"experiments.{wildcards.experiment}", "run_seeds", "analysis"],
    shell:
        "python -m viper reward-curves --metrics {params.metrics:q} {params.compare:q} --options {params.options:q}"
        " --curves {output.curves:q} --crossings {output.crossings:q} > {log:q} 2>&1"


for ablation in ABLATIONS:

    # Not one rule with wildcards: the report takes the path of a caption as it stands.
    for figure in ablation_figures(ablation):

        rule:
            """One figure of an ablation: rewards over steps, or the scores of its sub-domains."""
            name:
                f"plot_{Path(figure).name.replace('-', '_')}"
            input:
                (
                    [f"{TABLES}/{ablation}_rewards.csv", f"{TABLES}/{ablation}_crossings.csv"]
                    if figure.endswith("_rewards")
                    else f"{TABLES}/{ablation}_subdomains.csv"
                ),
            output:
                png=f"{figure}.png",
                svg=report(f"{figure}.svg", caption=f"../{figure}.rst", category="Figures"),
                caption=f"{figure}.rst",
            params:
                kind=["figure-rewards"] if figure.endswith("_rewards") else ["figure-scores", figure.rpartition("_")[2]],
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
            [f"{figure}.{end}" for figure in ablation_figures(ablation) for end in ("png", "svg", "rst")],


if ATTENTION:

    rule measure_attention:
        """Where a model looks while it says what was changed between two pictures that nobody trained on."""
        input:
            checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
            pairs=f"data/{SCALE}/seed{{seed}}/dataset/base/vop/test.parquet",
        output:
            f"results/{SCALE}/attention/seed{{seed}}/{{lineage}}.parquet",
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
            held_out=f"data/{SCALE}/seed{S.run_seeds[0]}/dataset/base/vop/test.parquet",
        output:
            table=f"{TABLES}/attention.csv",
            pairs=f"{TABLES}/attention_pairs.csv",
            maps=f"{TABLES}/attention_maps.parquet",
        params:
            attention=lambda wildcards: f"results/{SCALE}/attention",
            compare=compare(ATTENTION),
            sections=["experiments.figure_attention", "run_seeds", "analysis"],
        shell:
            "python -m viper attention-table --attention {params.attention:q} {params.compare:q}"
            " --held-out {input.held_out:q} --options {params.options:q} --table {output.table:q}"
            " --pairs {output.pairs:q} --maps {output.maps:q} > {log:q} 2>&1"

    rule figure_attention:
        """Attention over the edited pictures, and its share inside the changed region."""
        input:
            table=rules.attention_table.output.table,
            maps=rules.attention_table.output.maps,
        output:
            png=f"{FIGURES}/attention.png",
            svg=report(f"{FIGURES}/attention.svg", caption=f"../{FIGURES}/attention.rst", category="Figures"),
            caption=f"{FIGURES}/attention.rst",
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
            f"{TABLES}/words.csv",
        params:
            predictions=lambda wildcards: f"results/{SCALE}/predictions",
            compare=["--before", BEFORE, "--after", AFTER, *repeated("--seed", S.run_seeds)],
            sections=["experiments.figure_wordcloud", "run_seeds", "evaluation.benchmarks", "analysis"],
        shell:
            "python -m viper word-table --predictions {params.predictions:q} {params.compare:q}"
            " --options {params.options:q} --output {output:q} > {log:q} 2>&1"

    rule figure_wordcloud:
        """The words that a model reasons with more after training than before."""
        input:
            rules.word_table.output,
        output:
            png=f"{FIGURES}/wordcloud.png",
            svg=report(f"{FIGURES}/wordcloud.svg", caption=f"../{FIGURES}/wordcloud.rst", category="Figures"),
            caption=f"{FIGURES}/wordcloud.rst",
        params:
            lineages=["--before", BEFORE, "--after", AFTER],
            sections=["experiments.figure_wordcloud", "analysis"],
        shell:
            "python -m viper figure-words {input:q} {params.lineages:q} --options {params.options:q}"
            " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"

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
    log:
        f"logs/{SCALE}/{{experiment}}/tables.log",
    benchmark:
        f"benchmarks/{SCALE}/{{experiment}}/tables.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        predictions=lambda wildcards: f"results/{SCALE}/predictions",
        compare=lambda wildcards: compare(S.experiments[wildcards.experiment]),
        benchmarks=options("evaluation.benchmarks"),
        options=options("analysis"),
        title=lambda wildcards: f"{wildcards.experiment} at scale {SCALE}",
    shell:
        "python -m viper tables --predictions {params.predictions:q} {params.compare:q} --benchmarks"
        " {params.benchmarks:q} --options {params.options:q} --title {params.title:q} --main {output.main:q}"
        " --subdomains {output.subdomains:q} --claims {output.claims:q} > {log:q} 2>&1"


rule reward_curves:
    """An ablation's rewards over the steps of training, and where the first lineage overtakes the others."""
    input:
        lambda wildcards: reward_metrics(S.experiments[wildcards.experiment]),
    output:
        curves=f"{TABLES}/{{experiment}}_rewards.csv",
        crossings=f"{TABLES}/{{experiment}}_crossings.csv",
    log:
        f"logs/{SCALE}/{{experiment}}/reward_curves.log",
    benchmark:
        f"benchmarks/{SCALE}/{{experiment}}/reward_curves.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(10),
    params:
        metrics=lambda wildcards: f"results/{SCALE}/metrics",
        compare=lambda wildcards: compare(S.experiments[wildcards.experiment]),
        options=options("analysis"),
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
            log:
                f"logs/{SCALE}/{ablation}/{Path(figure).name}.log",
            benchmark:
                f"benchmarks/{SCALE}/{ablation}/{Path(figure).name}.tsv"
            conda:
                "../envs/viper.yaml"
            threads: 1
            resources:
                mem_mb=per_attempt(1000),
                runtime=per_attempt(10),
            params:
                kind=["figure-rewards"] if figure.endswith("_rewards") else ["figure-scores", figure.rpartition("_")[2]],
                options=options("analysis"),
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
        log:
            f"logs/{SCALE}/measure_attention/seed{{seed}}/{{lineage}}.log",
        benchmark:
            f"benchmarks/{SCALE}/measure_attention/seed{{seed}}/{{lineage}}.tsv"
        conda:
            "../envs/viper.yaml"
        threads: S.models.vlm.job.threads
        resources:
            mem_mb=per_attempt(S.models.vlm.job.mem_mb),
            runtime=per_attempt(S.models.vlm.job.runtime),
            gpu=S.models.vlm.job.gpu,
        params:
            model=model_options("vlm"),
            options=options("evaluation.attention"),
        shell:
            "OMP_NUM_THREADS={threads} python -m viper measure-attention --checkpoint {input.checkpoint:q}"
            " --pairs {input.pairs:q} --model {params.model:q} --options {params.options:q} --output {output:q} 2>&1"
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
        log:
            f"logs/{SCALE}/attention_table.log",
        benchmark:
            f"benchmarks/{SCALE}/attention_table.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(2000),
            runtime=per_attempt(10),
        params:
            attention=lambda wildcards: f"results/{SCALE}/attention",
            compare=compare(ATTENTION),
            options=options("analysis"),
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
        log:
            f"logs/{SCALE}/figure_attention.log",
        benchmark:
            f"benchmarks/{SCALE}/figure_attention.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(2000),
            runtime=per_attempt(10),
        params:
            options=options("analysis"),
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
        log:
            f"logs/{SCALE}/word_table.log",
        benchmark:
            f"benchmarks/{SCALE}/word_table.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(2000),
            runtime=per_attempt(10),
        params:
            predictions=lambda wildcards: f"results/{SCALE}/predictions",
            compare=["--before", BEFORE, "--after", AFTER, *repeated("--seed", S.run_seeds)],
            benchmarks=options("evaluation.benchmarks"),
            options=options("analysis"),
        shell:
            "python -m viper word-table --predictions {params.predictions:q} {params.compare:q}"
            " --benchmarks {params.benchmarks:q} --options {params.options:q} --output {output:q} > {log:q} 2>&1"

    rule figure_wordcloud:
        """The words that a model reasons with more after training than before."""
        input:
            rules.word_table.output,
        output:
            png=f"{FIGURES}/wordcloud.png",
            svg=report(f"{FIGURES}/wordcloud.svg", caption=f"../{FIGURES}/wordcloud.rst", category="Figures"),
            caption=f"{FIGURES}/wordcloud.rst",
        log:
            f"logs/{SCALE}/figure_wordcloud.log",
        benchmark:
            f"benchmarks/{SCALE}/figure_wordcloud.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(1000),
            runtime=per_attempt(10),
        params:
            lineages=["--before", BEFORE, "--after", AFTER],
            options=options("analysis"),
        shell:
            "python -m viper figure-words {input:q} {params.lineages:q} --options {params.options:q}"
            " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"

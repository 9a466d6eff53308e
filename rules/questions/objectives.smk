# Order and length of the stages, clipping, KL term, updates per sampling, supervision: lineages that differ in one choice,
# beside what the training of each took (docs/open-questions.md).

from viper.questions.objectives.budget import regimes

OBJECTIVES = S.open_questions.objectives
REGIMES = regimes(S, OBJECTIVES.lineages)


rule objectives_table:
    """Score, gain and budget of each way of training, the reward over compute, and which choices matter."""
    input:
        predictions=predictions(OBJECTIVES.lineages, OBJECTIVES.split, S.asked_seeds),
        metrics=[L.metrics("train.csv", lineage=stage, seed=seed) for stage in REGIMES for seed in S.asked_seeds],
    output:
        table=L.table("objectives", "objectives"),
        curves=L.table("objectives", "objectives_curves"),
        claims=L.table("objectives", "objectives_claims"),
    params:
        metrics=lambda wildcards, input: repeated("--metrics", input.metrics),
        regimes=as_argument(json.dumps({stage: regime.model_dump() for stage, regime in REGIMES.items()})),
        sections=["open_questions.objectives", "seeds", "question_seeds", "evaluation.benchmarks", "analysis"],
    shell:
        "python -m viper objectives-table {input.predictions:q} {params.metrics:q} --regimes {params.regimes:q}"
        " --options {params.options:q} --table {output.table:q} --curves {output.curves:q} --claims {output.claims:q}"
        " > {log:q} 2>&1"


rule figure_objectives:
    """What each way of training gained, and the reward over the compute that it took."""
    input:
        table=rules.objectives_table.output.table,
        curves=rules.objectives_table.output.curves,
    output:
        **figure("objectives", "objectives_gains"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-objectives {input.table:q} {input.curves:q} --options {params.options:q}"
        " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule objectives:
    """Which choices of the objective matter: order, steps, updates, clip, KL term, supervision; at what budget."""
    input:
        rules.objectives_table.output,
        rules.figure_objectives.output,

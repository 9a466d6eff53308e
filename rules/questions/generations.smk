# Does the loop go on? Generations that each train on what their parent synthesised, on the same seed images and on fresh
# ones, beside controls that train as long on the first generation's data.
from viper.questions.generations.plan import turns as generation_turns

try:
    TURNS = generation_turns(S)
except ViperError as error:
    stop(error)
GENERATIONS = list(dict.fromkeys(turn.lineage for turn in TURNS))
SYNTHESES = list(dict.fromkeys(turn.data for turn in TURNS if turn.data))  # whose data some generation trains on


if S.has_truth:

    rule audit_generation:
        """What one generation trained on, against the truth: captions, refinements, operations, edits."""
        input:
            tables=lambda wildcards: [path for _, path in audited([wildcards.lineage], S.asked_seeds)],
            truth=lambda wildcards: [
                L.truth(seed=seed, shard=shard) for seed in S.asked_seeds for shard in shards(wildcards.lineage)
            ],
            checkpoint=manifest(S.models.checker),
        output:
            L.table("generations", "audit/{lineage}"),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            tables=lambda wildcards, input: repeated(
                "--table", [f"{wildcards.lineage}={path}" for path in input.tables]
            ),
            truth=lambda wildcards, input: repeated("--truth", input.truth),
            sections=["seeds"],
        shell:
            "python -m viper audit-synthesis {params.tables:q} {params.truth:q} --checkpoint {input.checkpoint:q}"
            " --out {output:q} > {log:q} 2>&1"


rule measure_generations:
    """Accuracy, audit, diversity and reward of every generation, and where the loop leads."""
    input:
        predictions=predictions(GENERATIONS, QUESTIONS["generations"].split, S.asked_seeds),
        data=[
            L.dataset(f"{name}/train.parquet", lineage=lineage, seed=seed)
            for lineage in SYNTHESES
            for seed in S.asked_seeds
            for name in ("csr", "vop")
        ],
        metrics=[
            L.metrics("train.csv", lineage=lineage, seed=seed)
            for lineage in GENERATIONS
            if is_trained(lineage)
            for seed in S.asked_seeds
        ],
        audits=[L.table("generations", f"audit/{lineage}") for lineage in SYNTHESES] if S.has_truth else [],
    output:
        table=L.table("generations", "generations"),
        runs=L.table("generations", "generations_runs"),
        claims=L.table("generations", "generations_claims"),
    params:
        plan=as_argument(json.dumps([turn.model_dump() for turn in TURNS])),
        data=lambda wildcards, input: repeated("--data", input.data),
        metrics=lambda wildcards, input: repeated("--metrics", input.metrics),
        audits=lambda wildcards, input: repeated("--audit", input.audits),
        sections=[
            "open_questions.generations",
            "seeds",
            "question_seeds",
            "evaluation.benchmarks",
            "synthesis.operations.language",
            "analysis",
        ],
    shell:
        "python -m viper generations-table {input.predictions:q} --plan {params.plan:q} --options {params.options:q}"
        " {params.data:q} {params.metrics:q} {params.audits:q} --output {output.table:q} --runs {output.runs:q}"
        " --claims {output.claims:q} > {log:q} 2>&1"


rule figure_generations:
    """Every measure over the generations."""
    input:
        table=rules.measure_generations.output.table,
        claims=rules.measure_generations.output.claims,
    output:
        **figure("generations", "generations"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-generations {input.table:q} {input.claims:q} --options {params.options:q}"
        " --output {output.png:q} --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule generations:
    """Does the loop go on, generation after generation?"""
    input:
        rules.measure_generations.output,
        rules.figure_generations.output,
        rules.measure_generations.input.audits,

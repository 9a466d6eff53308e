# Whose mistake is a refinement: the caption's, the painter's, or the critic's invention? And does a model learn the
# painter's? Asked of drawn pictures, whose truth is known (docs/open-questions.md).

ERRORS = QUESTIONS["diffusion_errors"]
ERRING = [lineage for lineage in without_controls(ERRORS.lineages) if is_trained(lineage)]
# What is judged of all lineages of the question and all seeds.
JUDGED = {
    name: [L.asked(f"{name}.csv", lineage=lineage, seed=seed) for lineage in ERRING for seed in S.asked_seeds]
    for name in ("labels", "judged", "confusions")
}
TOO_LARGE["diffusion_errors"] = [path for paths in JUDGED.values() for path in paths]


rule ask_refinements:
    """A lineage and the model that made its data, both asked what must change: in its data set's captions, in right ones."""
    input:
        before=lambda wildcards: checkpoint(data_maker(wildcards), wildcards.seed),
        after=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
        data=lambda wildcards: L.dataset("csr/train.parquet", lineage=data_maker(wildcards), seed=wildcards.seed),
    output:
        L.asked("answers.parquet"),
    wildcard_constraints:
        lineage=TRAINED,
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=[
            "models.vlm",
            "synthesis.prompts",
            *(
                f"open_questions.diffusion_errors.{name}"
                for name in ("pairs", "true_captions", "temperature", "max_new_tokens", "seed")
            ),
        ],
    shell:
        "OMP_NUM_THREADS={threads} python -m viper ask-refinements --before {input.before:q} --after {input.after:q}"
        " --data {input.data:q} --options {params.options:q} --seed {wildcards.seed:q} --output {output:q} 2>&1"
        " | tee {log:q}"


rule judge_refinements:
    """Whose mistake each sentence is, against the truth: of the labels, and of the answers with what was rewarded."""
    input:
        answers=rules.ask_refinements.output,
        data=rules.ask_refinements.input.data,
        captions=tables_of_maker("captions"),
        reconstructions=tables_of_maker("reconstructions"),
        critiques=tables_of_maker("critiques"),
        truth=lambda wildcards: [L.truth(seed=wildcards.seed, shard=shard) for shard in shards(data_maker(wildcards))],
        checkpoint=manifest(S.models.checker),
        tau=reward_threshold,
        embedder=embedder_manifest,
    output:
        labels=L.asked("labels.csv"),
        judged=L.asked("judged.csv"),
        confusions=L.asked("confusions.csv"),
    resources:
        mem_mb=per_attempt(4000),
    params:
        tables=lambda wildcards, input: [
            word
            for name in ("captions", "reconstructions", "critiques", "truth", "tau")
            for word in repeated(f"--{name}", input[name])
        ],
        sections=[
            "reward",
            "open_questions.diffusion_errors.true_captions",
            "open_questions.diffusion_errors.seed",
        ],
    shell:
        "python -m viper judge-refinements --answers {input.answers:q} --data {input.data:q} {params.tables:q}"
        " --checkpoint {input.checkpoint:q} --options {params.options:q} --labels {output.labels:q}"
        " --judged {output.judged:q} --confusions {output.confusions:q} > {log:q} 2>&1"


rule diffusion_errors_tables:
    """Whose mistake the refinements are, before and after training, and the painter's habits in what is asked for."""
    input:
        **JUDGED,
    output:
        shares=L.table("diffusion_errors", "diffusion_errors"),
        pairs=L.table("diffusion_errors", "diffusion_errors_pairs"),
        answers=L.table("diffusion_errors", "diffusion_errors_answers"),
        habits=L.table("diffusion_errors", "diffusion_errors_habits"),
        sycophancy=L.table("diffusion_errors", "diffusion_errors_sycophancy"),
        claims=L.table("diffusion_errors", "diffusion_errors_claims"),
    params:
        judged=lambda wildcards, input: [word for name in JUDGED for word in repeated(f"--{name}", input[name])],
        sections=["open_questions.diffusion_errors", "seeds", "question_seeds", "analysis"],
    shell:
        "python -m viper diffusion-errors {params.judged:q} --options {params.options:q} --output {output.shares:q}"
        " --pairs {output.pairs:q} --answers {output.answers:q} --habits {output.habits:q}"
        " --sycophancy {output.sycophancy:q} --claims {output.claims:q} > {log:q} 2>&1"


rule figure_diffusion_errors:
    """Whose mistake sentences are, and the painter's habits in what is asked for where the caption is right."""
    input:
        rules.diffusion_errors_tables.output.shares,
        rules.diffusion_errors_tables.output.sycophancy,
    output:
        **figure("diffusion_errors", "diffusion_errors"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-diffusion-errors {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule diffusion_errors:
    """Whose mistake is a refinement, and does a model learn the painter's?"""
    input:
        rules.diffusion_errors_tables.output,
        rules.figure_diffusion_errors.output,

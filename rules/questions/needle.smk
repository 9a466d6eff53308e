# Does attention go where the answer is? Pictures with one small object that decides it, the same for all lineages.
NEEDLE = QUESTIONS["needle"]


rule draw_needles:
    """Pictures with one small decisive object, and the same without it."""
    output:
        L.table("needle", "needles", ".parquet"),
    resources:
        runtime=per_attempt(30),
    params:
        sections=["open_questions.needle", f"evaluation.splits.{NEEDLE.split}"],
    shell:
        "python -m viper draw-needles --options {params.options:q} --output {output:q} > {log:q} 2>&1"


rule measure_needle:
    """How much of a checkpoint's attention lies on the decisive object; a base once, for it is the same for every seed."""
    input:
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
        needles=rules.draw_needles.output,
    output:
        L.metrics("needle.csv"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=["models.vlm", "evaluation.attention"],
    shell:
        "OMP_NUM_THREADS={threads} python -m viper measure-needle {input.needles:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --output {output:q} 2>&1 | tee {log:q}"


rule needle_table:
    """Attention on the decisive object, before and after training, against its area and a question of the text alone."""
    input:
        [
            L.metrics("needle.csv", lineage=lineage, seed=seed)
            for lineage in NEEDLE.lineages
            for seed in (S.asked_seeds if is_trained(lineage) else S.asked_seeds[:1])
        ],
    output:
        table=L.table("needle", "needle_attention"),
        claims=L.table("needle", "needle_claims"),
    params:
        compared=compared(NEEDLE.lineages),
        sections=["open_questions.needle", "seeds", "question_seeds", "analysis"],
    shell:
        "python -m viper needle-table {input:q} {params.compared:q} --options {params.options:q} --table {output.table:q}"
        " --claims {output.claims:q} > {log:q} 2>&1"


rule figure_needle:
    """Attention on the decisive object, for each lineage and question."""
    input:
        rules.needle_table.output.table,
    output:
        **figure("needle", "needle_shares"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-needle {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule needle:
    """Does attention go where the answer is?"""
    input:
        rules.needle_table.output,
        rules.figure_needle.output,

# Is it Qwen's doing? The loop with a base of another family, beside the scale's own (docs/open-questions.md). That base
# is a variant's models.vlm.path, trained from scratch by the recipe of the first where the scale trains on the drawn
# world, and fetched where the store has it.

FAMILIES = S.open_questions.families
FURTHER = list(S.pretraining.families) if S.pretraining else []
BASES = {manifest(S.under(variant_of(lineage)).models.vlm.path) for lineage in FAMILIES.lineages}
STORED_BASES = sorted(base for base in BASES if base == STORED.family_model(Path(base).parent.name))

if S.models.source == "stored" and STORED_BASES and Path(STORED.stored_families()).is_file():

    rule fetch_families:
        """Fetch the base models of further families from the store inside the repository."""
        input:
            STORED.stored_families(),
        output:
            STORED_BASES,
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            sections=[],
        shell:
            "python -m viper fetch-pretrained {input:q} 2>&1 | tee {log:q}"

elif FURTHER:

    rule pretrain_family:
        """The VLM of a further family: first its eyes, then its language."""
        output:
            L.family_model(),
        wildcard_constraints:
            family="|".join(FURTHER),
        threads: 2
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(480),
        params:
            folder=lambda wildcards, output: Path(output[0]).parent,
            work=L.pretraining(),
            sections=lambda wildcards: [f"pretraining.families.{wildcards.family}"],
        shell:
            "python -m viper pretrain-vlm --family {wildcards.family:q} --options {params.options:q}"
            " --work {params.work:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule families_table:
    """What each family gains over its own base, stage by stage, and the difference of the gains."""
    input:
        predictions(FAMILIES.lineages, FAMILIES.split, S.asked_seeds),
    output:
        table=L.table("families", "families"),
        claims=L.table("families", "families_claims"),
    params:
        sections=[
            "open_questions.families",
            "seeds",
            "question_seeds",
            "evaluation.source",
            "evaluation.benchmarks",
            "analysis",
        ],
    shell:
        "python -m viper families-table {input:q} --options {params.options:q} --table {output.table:q}"
        " --claims {output.claims:q} > {log:q} 2>&1"


rule figure_families:
    """The scores of both families over the stages, and what they gained on each benchmark."""
    input:
        rules.families_table.output.table,
    output:
        **figure("families", "families_gains"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-families {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule families:
    """Is it Qwen's doing? The loop with a base of another family: the difference of the gains."""
    input:
        rules.families_table.output,
        rules.figure_families.output,

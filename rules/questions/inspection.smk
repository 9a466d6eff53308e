# Do the differences between pictures and reconstructions match the words? A page for people to judge, what the truth
# says of the same where it is known, and how far all of these agree (docs/open-questions.md).

INSPECTED = QUESTIONS["inspection"]
# Tables that are looked at, each with whose refinements they led to: the makers of the data that lineages are trained on.
SHOWN = [
    (lineage, path)
    for lineage in dict.fromkeys(parse_lineage(name).data_lineage for name in without_controls(INSPECTED.lineages))
    for seed in S.asked_seeds
    for shard in shards(lineage)
    for path in (
        L.images(seed=seed, shard=shard),
        *(
            L.synthesis(step, lineage=owner(lineage, step), seed=seed, shard=shard)
            for step in ("captions", "reconstructions", "critiques")
        ),
    )
]
TRUTH_OF_SHOWN = [
    L.truth(seed=seed, shard=shard)
    for seed in (S.asked_seeds if S.has_truth else [])
    for shard in sorted({shard for lineage, _ in SHOWN for shard in shards(lineage)})
]


rule inspection_page:
    """The page on which people judge refinements of random reconstructions; beside it what the truth says, if known."""
    input:
        tables=list(dict.fromkeys(path for _, path in SHOWN)),
        truth=TRUTH_OF_SHOWN,
        checkpoint=[manifest(S.models.checker)] if S.has_truth else [],
    output:
        page=L.table("inspection", "inspection_sheet", ".html"),
        parts=L.table("inspection", "inspection_parts"),
        answers=[L.table("inspection", "inspection_truth")] if S.has_truth else [],
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(30),
    params:
        tables=repeated("--table", [f"{lineage}={path}" for lineage, path in SHOWN]),
        known=lambda wildcards, input, output: [
            *repeated("--truth", input.truth),
            *repeated("--checkpoint", input.checkpoint),
            *repeated("--answers", output.answers),
        ],
        sections=[
            "seeds",
            "question_seeds",
            *(f"open_questions.inspection.{name}" for name in ("lineages", "pictures", "seed", "pixels")),
        ],
    shell:
        "python -m viper inspection-page {params.tables:q} {params.known:q} --options {params.options:q}"
        " --page {output.page:q} --parts {output.parts:q} > {log:q} 2>&1"


rule inspection_tables:
    """What the truth and people say of the inspected pictures, how far they agree, and the answers."""
    input:
        parts=rules.inspection_page.output.parts,
        truth=rules.inspection_page.output.answers,
        judgements=lambda wildcards: [
            given_file(
                "open_questions.inspection.judgements", path, "save it from inspection_sheet.html, or leave it out"
            )
            for path in INSPECTED.judgements
        ],
    output:
        shares=L.table("inspection", "inspection"),
        agreed=L.table("inspection", "inspection_agreement"),
        claims=L.table("inspection", "inspection_claims"),
    params:
        judged=lambda wildcards, input: [
            *repeated("--truth", input.truth),
            *repeated("--judgement", input.judgements),
        ],
        sections=["open_questions.inspection.judgements", "open_questions.inspection.kappa", "analysis"],
    shell:
        "python -m viper inspection-tables {params.judged:q} --parts {input.parts:q} --options {params.options:q}"
        " --output {output.shares:q} --agreed {output.agreed:q} --claims {output.claims:q} > {log:q} 2>&1"


rule figure_inspection:
    """How often refinements match what differs, by the truth and by people."""
    input:
        rules.inspection_tables.output.shares,
    output:
        **figure("inspection", "inspection"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-inspection {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule inspection:
    """Do the differences between pictures and reconstructions match the words?"""
    input:
        rules.inspection_page.output,
        rules.inspection_tables.output,
        rules.figure_inspection.output,

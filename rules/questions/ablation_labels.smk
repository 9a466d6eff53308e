# Which labels of its own can a model learn from? Its lineages differ in how their labels were made, by variants of the
# scale: filtered, by construction, by the truth, of other rows (docs/open-questions.md).

LABELS = S.open_questions.ablation_labels
LABELLED = [lineage for lineage in LABELS.lineages if is_trained(lineage)]
LABELLING = list(dict.fromkeys(parse_lineage(lineage).data_lineage for lineage in without_controls(LABELLED)))
LABEL_TABLES = audited(LABELLING, S.asked_seeds)


rule audit_labels:
    """Against the truth: the labels of every lineage, and what they are made of."""
    input:
        tables=list(dict.fromkeys(path for _, path in LABEL_TABLES)),
        truth=[L.truth(seed=seed, shard=shard) for seed in S.asked_seeds for shard in range(S.images.shards)],
        checkpoint=manifest(S.models.checker),
    output:
        L.table("ablation_labels", "ablation_labels_audit"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        tables=repeated("--table", [f"{lineage}={path}" for lineage, path in LABEL_TABLES]),
        truth=lambda wildcards, input: repeated("--truth", input.truth),
        sections=["seeds", "question_seeds", "open_questions.ablation_labels"],
    shell:
        "python -m viper audit-synthesis {params.tables:q} {params.truth:q} --checkpoint {input.checkpoint:q}"
        " --out {output:q} > {log:q} 2>&1"


rule labels_table:
    """How true the labels of each lineage are, beside what training on them gained; and the claims."""
    input:
        predictions=predictions(LABELS.lineages, LABELS.split, S.asked_seeds),
        audit=rules.audit_labels.output,
    output:
        table=L.table("ablation_labels", "ablation_labels"),
        claims=L.table("ablation_labels", "ablation_labels_claims"),
    params:
        by_truth=repeated("--by-truth", filter(is_by_truth, LABELLED)),
        shuffled=repeated("--shuffled", filter(is_shuffled, LABELLED)),
        sections=["open_questions.ablation_labels", "seeds", "question_seeds", "evaluation.benchmarks", "analysis"],
    shell:
        "python -m viper ablation-labels {input.predictions:q} --audit {input.audit:q} {params.by_truth:q}"
        " {params.shuffled:q} --options {params.options:q} --output {output.table:q} --claims {output.claims:q}"
        " > {log:q} 2>&1"


rule figure_labels:
    """What training gained against the share of its labels that are true: one point a lineage."""
    input:
        rules.labels_table.output.table,
    output:
        **figure("ablation_labels", "ablation_labels_truth"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-ablation-labels {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule ablation_labels:
    """Which labels of its own can a model learn from? The truth of each kind against what training on it gained."""
    input:
        rules.audit_labels.output,
        rules.labels_table.output,
        rules.figure_labels.output,

# How far can the reward be trusted? The same training under several embedders and thresholds; and what was saved, and
# answers that try to cheat, under every setting of the reward, held to the truth where somebody knows which sentences are
# right (docs/open-questions.md).

AUDIT = S.open_questions.reward_audit
AUDITED = [
    (stage, seed)
    for lineage in AUDIT.lineages
    for stage in parse_lineage(lineage).stages
    for seed in S.asked_seeds
    if S.training.phases[parse_lineage(stage).phase].method == "grpo"
]
# Whose rollouts are rescored besides, each lineage's by the one whose training made them.
RESCORED_BESIDES = [
    run
    for run in dict.fromkeys(
        (trainer(stage), seed)
        for lineage in without_controls(S.experiments["main"] if AUDIT.rescored == "main" else LINEAGES)
        for stage in parse_lineage(lineage).stages
        for seed in S.asked_seeds
        if S.training.phases[parse_lineage(stage).phase].method == "grpo"
    )
    if run not in AUDITED
]
# What rescoring needs of each embedder: how it is run, and the file of the threshold that was chosen for it.
EMBEDDERS = {
    name: {
        "embedder": S.under(variant_of(lineage)).reward.embedder.model_dump(mode="json"),
        "calibrated": calibrated(lineage),
        "pairs": calibrated(lineage, "tau_pairs.csv"),
    }
    for name, lineage in AUDIT.embedders.items()
}


rule reward_audit_rescored:
    """Rollouts and cheating answers under every embedder, threshold and option of coverage, held to the truth."""
    input:
        rollouts=[L.metrics("rollouts.jsonl", lineage=stage, seed=seed) for stage, seed in AUDITED],
        besides=[L.metrics("rollouts.jsonl", lineage=stage, seed=seed) for stage, seed in RESCORED_BESIDES],
        thresholds=[each[file] for each in EMBEDDERS.values() for file in ("calibrated", "pairs")],
    output:
        audit=L.table("reward_audit", "reward_audit_rescored"),
        areas=L.table("reward_audit", "reward_audit_roc"),
        probes=L.table("reward_audit", "reward_audit_probes"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        rollouts=lambda wildcards, input: [
            *repeated("--rollouts", input.rollouts),
            *repeated("--besides", input.besides),
        ],
        embedders=as_argument(json.dumps(EMBEDDERS)),
        taus=repeated("--tau", [S.under(variant_of(name)).reward.tau for name in AUDIT.thresholds.values()]),
        sections=["open_questions.reward_audit", "reward", "training.records.meaning"],
    shell:
        "python -m viper reward-audit {params.rollouts:q} --embedders {params.embedders:q} {params.taus:q}"
        " --options {params.options:q} --output {output.audit:q} --areas {output.areas:q} --probes {output.probes:q}"
        " > {log:q} 2>&1"


rule reward_audit_tables:
    """What the same training ends at under each embedder and threshold; and the answers to the question."""
    input:
        predictions=predictions(AUDIT.lineages, AUDIT.split, S.asked_seeds),
        areas=rules.reward_audit_rescored.output.areas,
        probes=rules.reward_audit_rescored.output.probes,
        metrics=[L.metrics("train.csv", lineage=stage, seed=seed) for stage, seed in AUDITED],
    output:
        table=L.table("reward_audit", "reward_audit"),
        watched=L.table("reward_audit", "reward_audit_monitors"),
        claims=L.table("reward_audit", "reward_audit_claims"),
    params:
        metrics=lambda wildcards, input: repeated("--metrics", input.metrics),
        sections=["open_questions.reward_audit", "seeds", "question_seeds", "evaluation.benchmarks", "analysis"],
    shell:
        "python -m viper reward-audit-claims {input.predictions:q} {params.metrics:q} --areas {input.areas:q}"
        " --probes {input.probes:q} --options {params.options:q} --table {output.table:q}"
        " --watched {output.watched:q} --claims {output.claims:q} > {log:q} 2>&1"


rule figure_reward_audit:
    """What the training gains under each embedder and threshold, how each agrees with the truth, what cheating earns."""
    input:
        table=rules.reward_audit_tables.output.table,
        areas=rules.reward_audit_rescored.output.areas,
        probes=rules.reward_audit_rescored.output.probes,
    output:
        **figure("reward_audit", "reward_audit_figure"),
    params:
        sections=["open_questions.reward_audit", "analysis"],
    shell:
        "python -m viper figure-reward-audit {input.table:q} {input.areas:q} {input.probes:q}"
        " --options {params.options:q} --output {output.png:q} --output {output.svg:q} --caption {output.caption:q}"
        " > {log:q} 2>&1"


rule reward_audit:
    """Embedder, threshold, and hacking of the reward."""
    input:
        rules.reward_audit_rescored.output,
        rules.reward_audit_tables.output,
        rules.figure_reward_audit.output,

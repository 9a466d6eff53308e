# How far can the reward be trusted? Saved rollouts, and answers that try to cheat, under every setting, held to the truth
# of a drawn world (docs/open-questions.md). Nothing is trained for it but its lineages.

AUDITED = {
    (lineage, seed): L.metrics("rollouts.jsonl", lineage=lineage, seed=seed)
    for name in without_controls(QUESTIONS["reward_audit"].lineages)
    for lineage in parse_lineage(name).stages
    for seed in S.seeds
    if S.training.phases[parse_lineage(lineage).phase].method == "grpo"
}


rule reward_audit_tables:
    """Rollouts and cheating answers under every embedder, threshold and option of coverage, and the answers."""
    input:
        list(AUDITED.values()),
    output:
        audit=L.table("reward_audit", "reward_audit"),
        areas=L.table("reward_audit", "reward_audit_roc"),
        probes=L.table("reward_audit", "reward_audit_probes"),
        watched=L.table("reward_audit", "reward_audit_monitors"),
        claims=L.table("reward_audit", "reward_audit_claims"),
    resources:
        mem_mb=per_attempt(4000),
    params:
        runs=repeated("--run", [f"{lineage}:{seed}:{path}" for (lineage, seed), path in AUDITED.items()]),
        sections=["open_questions.reward_audit", "reward", "analysis"],
    shell:
        "python -m viper reward-audit {params.runs:q} --options {params.options:q} --output {output.audit:q}"
        " --areas {output.areas:q} --probes {output.probes:q} --watched {output.watched:q} --claims {output.claims:q}"
        " > {log:q} 2>&1"


rule figure_reward_audit:
    """What answers earn that try to cheat, by threshold and option of coverage."""
    input:
        rules.reward_audit_tables.output.probes,
    output:
        **figure("reward_audit", "reward_audit"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-reward-audit {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule reward_audit:
    """Embedder, threshold, and hacking of the reward."""
    input:
        rules.reward_audit_tables.output,
        rules.figure_reward_audit.output,

# How much does the loop depend on its painter and editor? Its lineages differ in these alone, by variants of the scale:
# facts told wrong, fewer denoising steps, none that makes mistakes (docs/open-questions.md).

from viper.questions.painter_fidelity.plan import synthesizer

PAINTERS = S.open_questions.painter_fidelity
PAINTED = [lineage for lineage in PAINTERS.lineages if is_trained(lineage)]
# What all of them are made of: the audit holds every shard that it is given to the same truth.
PAINTED_SHARDS = range(min(len(shards(lineage)) for lineage in PAINTED))
PAINTED_TABLES = audited(map(synthesizer, PAINTED), S.asked_seeds, PAINTED_SHARDS)


rule audit_painters:
    """Against the truth: facts painted, edits done and labels right, with each painter and editor."""
    input:
        tables=list(dict.fromkeys(path for _, path in PAINTED_TABLES)),
        truth=[L.truth(seed=seed, shard=shard) for seed in S.asked_seeds for shard in PAINTED_SHARDS],
        checkpoint=manifest(S.models.checker),
    output:
        L.table("painter_fidelity", "painter_fidelity_audit"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        tables=repeated("--table", [f"{lineage}={path}" for lineage, path in PAINTED_TABLES]),
        truth=lambda wildcards, input: repeated("--truth", input.truth),
        sections=["seeds", "question_seeds", "open_questions.painter_fidelity"],
    shell:
        "python -m viper audit-synthesis {params.tables:q} {params.truth:q} --checkpoint {input.checkpoint:q}"
        " --out {output:q} > {log:q} 2>&1"


rule fit_painters:
    """Gain against fidelity: a row per painter and editor, a row per seed, the line, and the claims."""
    input:
        predictions=predictions(PAINTERS.lineages, PAINTERS.split, S.asked_seeds),
        audit=rules.audit_painters.output,
    output:
        summary=L.table("painter_fidelity", "painter_fidelity"),
        points=L.table("painter_fidelity", "painter_fidelity_points"),
        line=L.table("painter_fidelity", "painter_fidelity_line"),
        claims=L.table("painter_fidelity", "painter_fidelity_claims"),
    params:
        sections=["open_questions.painter_fidelity", "seeds", "question_seeds", "evaluation.benchmarks", "analysis"],
    shell:
        "python -m viper painter-fidelity {input.predictions:q} --audit {input.audit:q} --options {params.options:q}"
        " --summary {output.summary:q} --points {output.points:q} --line {output.line:q} --claims {output.claims:q}"
        " > {log:q} 2>&1"


rule figure_painters:
    """The gain against the fidelity of painter and editor."""
    input:
        rules.fit_painters.output.summary,
        rules.fit_painters.output.points,
        rules.fit_painters.output.line,
    output:
        **figure("painter_fidelity", "painter_fidelity_gain"),
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-painter-fidelity {input:q} --options {params.options:q} --output {output.png:q}"
        " --output {output.svg:q} --caption {output.caption:q} > {log:q} 2>&1"


rule painter_fidelity:
    """How much does the loop depend on its painter and editor? Fidelity against gain, with its slope."""
    input:
        rules.audit_painters.output,
        rules.fit_painters.output,
        rules.figure_painters.output,

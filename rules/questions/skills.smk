# Which fine-grained skills rise, which fall? One set of probes for each skill, asked at several strengths of the lens.
from viper.questions.skills import world as skill_world

SKILLS_ASKED = QUESTIONS["skills"]
PROBES = [L.table("skills", f"probes/{name}", ".tsv") for name in skill_world.benchmarks()]
PROBED = [
    L.metrics("skills.csv", lineage=lineage, seed=seed)
    for lineage in SKILLS_ASKED.lineages
    for seed in (S.asked_seeds if is_trained(lineage) else S.asked_seeds[:1])
]


rule draw_probes:
    """The probes of all skills that one benchmark asks for, with balanced answers."""
    output:
        L.table("skills", "probes/{benchmark}", ".tsv"),
    resources:
        runtime=per_attempt(30),
    params:
        sections=["open_questions.skills", f"evaluation.splits.{SKILLS_ASKED.split}"],
    shell:
        "python -m viper draw-probes {wildcards.benchmark:q} --options {params.options:q} --output {output:q} > {log:q} 2>&1"


rule probe_skills:
    """One checkpoint asked every probe at every strength of the lens; a base once, for it is the same for every seed."""
    input:
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
        probes=PROBES,
    output:
        L.metrics("skills.csv"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=["models.vlm", "evaluation.asking", "evaluation.controls", "open_questions.skills"],
    shell:
        "OMP_NUM_THREADS={threads} python -m viper probe-skills {input.probes:q} --checkpoint {input.checkpoint:q}"
        " --lineage {wildcards.lineage:q} --options {params.options:q} --output {output:q} 2>&1 | tee {log:q}"


rule skill_table:
    """How much training changes each skill, with intervals that hold together, and the psychometric curves."""
    input:
        PROBED,
    output:
        changes=L.table("skills", "skill_changes"),
        curves=L.table("skills", "skill_curves"),
        claims=L.table("skills", "skills_claims"),
    params:
        compared=compared(SKILLS_ASKED.lineages),
        sections=["open_questions.skills", "seeds", "question_seeds", "analysis"],
    shell:
        "python -m viper skill-table {input:q} {params.compared:q} --options {params.options:q} --changes {output.changes:q}"
        " --curves {output.curves:q} --claims {output.claims:q} > {log:q} 2>&1"


rule figure_skills:
    """Forest plot of the skills' changes, and a psychometric curve for each skill."""
    input:
        changes=rules.skill_table.output.changes,
        curves=rules.skill_table.output.curves,
    output:
        **{f"changes_{end}": path for end, path in figure("skills", "skill_forest").items()},
        **{f"curves_{end}": path for end, path in figure("skills", "skill_panels").items()},
    params:
        sections=["analysis"],
    shell:
        "python -m viper figure-skills {input.changes:q} {input.curves:q} --options {params.options:q}"
        " --forest {output.changes_png:q} --forest {output.changes_svg:q} --forest-caption {output.changes_caption:q}"
        " --panels {output.curves_png:q} --panels {output.curves_svg:q} --panels-caption {output.curves_caption:q}"
        " > {log:q} 2>&1"


rule skills:
    """Which fine-grained skills rise, which fall?"""
    input:
        rules.skill_table.output,
        rules.figure_skills.output,

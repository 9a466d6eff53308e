# The loop's synthesis, shard by shard: captions → reconstructions → critiques → refinements → operations → edits, and the
# two data sets from all shards. The lineage is that of the VLM that does it: `base`, or a checkpoint of the loop. What a
# variant of the base would do as another does it is done once.

from viper.synthesis.loop import (
    CAPTION_IMAGES,
    CRITIQUE_CAPTIONS,
    EDIT_IMAGES,
    PLAN_OPERATIONS,
    RECONSTRUCT_IMAGES,
    REFINE_CAPTIONS,
)

if S.synthesis.pilot:

    rule pilot_images:
        """The seed images that the loop is tried on before all others: one more shard, for the rules below."""
        input:
            L.images(shard=0),
        output:
            L.pilot_images(),
        params:
            sections=["synthesis.pilot.images"],
        shell:
            "python -m viper pilot-images --images {input:q} --out {output:q} --options {params.options:q} > {log:q} 2>&1"

    rule forecast_yield:
        """How many rows the data sets will have, by the pilot; stops the synthesis where they cannot be filled."""
        input:
            **{step: L.synthesis(step, shard=PILOT) for step in ASSEMBLED},
            whole=seed_images,
            images=L.pilot_images(),
        output:
            L.forecast(),
        params:
            whole=lambda wildcards, input: repeated("--image", input.whole),
            tables=lambda wildcards, input: [
                word for step in ["images", *ASSEMBLED] for word in (f"--{step}", input[step])
            ],
            sections=[
                "synthesis.pilot",
                "synthesis.csr_size",
                "synthesis.vop_size",
                "synthesis.vop_share",
                "synthesis.vop_held_out",
                "synthesis.allow_fewer",
            ],
        shell:
            # tee: what the pilot says is for whoever waits for it
            "python -m viper forecast-yield {params.whole:q} {params.tables:q} --out {output:q}"
            " --options {params.options:q} --seed {wildcards.seed:q} 2>&1 | tee {log:q}"


rule caption_images:
    """The VLM describes each seed image."""
    input:
        images=L.images(),
        forecast=pilot_first,
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        L.synthesis("captions"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=CAPTION_IMAGES.sections,
    shell:
        "python -m viper caption-images --images {input.images:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule reconstruct_images:
    """The painter draws each caption, told of the image its shape and no more.

    An interrupted run goes on from the pictures that it has in work/, which success removes.
    """
    input:
        images=L.images(),
        captions=table_of("captions"),
        checkpoint=manifest(S.models.painter.path),
    output:
        L.synthesis("reconstructions"),
    threads: S.models.painter.job.threads
    resources:
        **asked(S.models.painter.job),
    params:
        work=L.drawing("reconstructions"),
        sections=RECONSTRUCT_IMAGES.sections,
    shell:
        "python -m viper reconstruct-images --images {input.images:q} --captions {input.captions:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --work {params.work:q}"
        " --out {output:q} 2>&1 | tee {log:q}"


rule critique_captions:
    """What each caption needs changed: the VLM compares its image with the reconstruction, or captions it once more."""
    input:
        images=L.images(),
        captions=table_of("captions"),
        reconstructions=table_of("reconstructions"),
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        L.synthesis("critiques"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=CRITIQUE_CAPTIONS.sections,
    shell:
        "python -m viper critique-captions --images {input.images:q} --captions {input.captions:q}"
        " --reconstructions {input.reconstructions:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule refine_captions:
    """The VLM works its refinements into each caption, then names the hard entities."""
    input:
        images=L.images(),
        captions=table_of("captions"),
        critiques=table_of("critiques"),
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        L.synthesis("refinements"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=REFINE_CAPTIONS.sections,
    shell:
        "python -m viper refine-captions --images {input.images:q} --captions {input.captions:q}"
        " --critiques {input.critiques:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule plan_operations:
    """Heuristics turn the hard entities of each image into editing operations."""
    input:
        table_of("refinements"),
    output:
        L.synthesis("operations"),
    params:
        sections=PLAN_OPERATIONS.sections,
    shell:
        "python -m viper plan-operations --refinements {input:q} --options {params.options:q}"
        " --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q} > {log:q} 2>&1"


rule edit_images:
    """The editor carries out the operations of each image.

    An interrupted run goes on from the pictures that it has in work/, which success removes.
    """
    input:
        images=L.images(),
        operations=table_of("operations"),
        checkpoint=manifest(S.models.editor.path),
    output:
        L.synthesis("edits"),
    threads: S.models.editor.job.threads
    resources:
        **asked(S.models.editor.job),
    params:
        work=L.drawing("edits"),
        sections=EDIT_IMAGES.sections,
    shell:
        "python -m viper edit-images --images {input.images:q} --operations {input.operations:q}"
        " --checkpoint {input.checkpoint:q} --options {params.options:q} --lineage {wildcards.lineage:q}"
        " --seed {wildcards.seed:q} --work {params.work:q} --out {output:q} 2>&1 | tee {log:q}"


rule assemble_datasets:
    """Gather all shards into the CSR and VOP data sets; count what was dropped, by reason."""
    input:
        images=seed_images,
        captions=tables_of("captions"),
        reconstructions=only_where(shows_reconstructions, tables_of("reconstructions")),
        critiques=tables_of("critiques"),
        refinements=tables_of("refinements"),
        operations=tables_of("operations"),
        edits=tables_of("edits"),
        truth=only_where(is_by_truth, truth_of_images),
        checker=only_where(is_by_truth, lambda wildcards: [manifest(S.models.checker)]),
    output:
        csr=L.dataset("csr/train.parquet"),
        vop=L.dataset("vop/train.parquet"),
        held_out=L.dataset("vop/test.parquet"),
        dropped=L.dataset("dropped.csv"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        tables=lambda wildcards, input: [word for name in input.keys() for word in repeated(f"--{name}", input[name])],
        sections=[
            "synthesis.prompts",
            "synthesis.csr_size",
            "synthesis.vop_size",
            "synthesis.vop_share",
            "synthesis.vop_held_out",
            "synthesis.allow_fewer",
            "synthesis.labels",
        ],
    shell:
        "python -m viper assemble-datasets {params.tables:q} --csr {output.csr:q} --vop {output.vop:q}"
        " --held-out {output.held_out:q} --dropped {output.dropped:q} --options {params.options:q}"
        " --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} > {log:q} 2>&1"


rule describe_datasets:
    """The card of the data sets. A rule of its own: nothing is trained again because a card is worded anew."""
    input:
        csr=rules.assemble_datasets.output.csr,
        vop=rules.assemble_datasets.output.vop,
        held_out=rules.assemble_datasets.output.held_out,
        dropped=rules.assemble_datasets.output.dropped,
    output:
        L.dataset("README.md"),
    params:
        sections=[],
    shell:
        "python -m viper write-card --csr {input.csr:q} --vop {input.vop:q} --held-out {input.held_out:q}"
        " --dropped {input.dropped:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " > {log:q} 2>&1"


if S.has_truth:

    # The models that synthesized the data of some lineage of this scale.
    SYNTHESIZERS = list(dict.fromkeys(parse_lineage(split_control(lineage)[0]).data_lineage for lineage in LINEAGES))
    AUDITED = audited(SYNTHESIZERS, S.seeds)

    rule audit_steps:
        """Against the truth: captions, painter, whose mistake each refinement was, operations, edits."""
        input:
            tables=[path for _, path in AUDITED],
            truth=[L.truth(seed=seed, shard=shard) for seed in S.seeds for shard in range(S.images.shards)],
            checkpoint=manifest(S.models.checker),
        output:
            L.table("audit_synthesis", "synthesis_audit"),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            tables=repeated("--table", [f"{lineage}={path}" for lineage, path in AUDITED]),
            truth=lambda wildcards, input: repeated("--truth", input.truth),
            sections=["seeds", "experiments"],
        shell:
            "python -m viper audit-synthesis {params.tables:q} {params.truth:q} --checkpoint {input.checkpoint:q}"
            " --out {output:q} > {log:q} 2>&1"

    rule audit_synthesis:
        """Every step of the synthesis against the truth: captions, painter, refinements and whose mistakes, operations, edits."""
        input:
            rules.audit_steps.output,

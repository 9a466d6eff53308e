# The loop's synthesis, shard by shard: captions → reconstructions → critiques → refinements → operations → edits, and the
# two data sets from all shards. The lineage is that of the VLM that does it: `base`, or a checkpoint of the loop.

SEEDS = f"data/{SCALE}/seed{{seed}}/seeds/shard{{shard}}.parquet"
DATASET = f"data/{SCALE}/seed{{seed}}/dataset/{{lineage}}"


rule caption_images:
    """The VLM describes each seed image."""
    input:
        seeds=SEEDS,
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        table("captions"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=["models.vlm", "synthesis.prompts", "synthesis.caption"],
    shell:
        "python -m viper caption-images --seeds {input.seeds:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule reconstruct_images:
    """The painter draws each caption, without having seen the image."""
    input:
        captions=table("captions"),
        checkpoint=f"{S.models.painter.path}/manifest.json",
    output:
        table("reconstructions"),
    threads: S.models.painter.job.threads
    resources:
        **asked(S.models.painter.job),
    params:
        sections=["models.painter"],
    shell:
        "python -m viper reconstruct-images --captions {input.captions:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule critique_captions:
    """The VLM compares each image with its reconstruction and lists what the caption needs changed."""
    input:
        seeds=SEEDS,
        captions=table("captions"),
        reconstructions=table("reconstructions"),
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        table("critiques"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=["models.vlm", "synthesis.prompts", "synthesis.critique"],
    shell:
        "python -m viper critique-captions --seeds {input.seeds:q} --captions {input.captions:q}"
        " --reconstructions {input.reconstructions:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule refine_captions:
    """The VLM works its refinements into each caption, then names the hard entities."""
    input:
        seeds=SEEDS,
        captions=table("captions"),
        critiques=table("critiques"),
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        table("refinements"),
    threads: S.models.vlm.job.threads
    resources:
        **asked(S.models.vlm.job),
    params:
        sections=[
            "models.vlm",
            "synthesis.prompts",
            "synthesis.refine",
            "synthesis.entities",
            "synthesis.vop_share",
        ],
    shell:
        "python -m viper refine-captions --seeds {input.seeds:q} --captions {input.captions:q}"
        " --critiques {input.critiques:q} --checkpoint {input.checkpoint:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule plan_operations:
    """Heuristics turn the hard entities of each image into editing operations."""
    input:
        table("refinements"),
    output:
        table("operations"),
    params:
        sections=["synthesis.operations"],
    shell:
        "python -m viper plan-operations --refinements {input:q} --options {params.options:q}"
        " --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q} > {log:q} 2>&1"


rule edit_images:
    """The editor carries out the operations of each image."""
    input:
        seeds=SEEDS,
        operations=table("operations"),
        checkpoint=f"{S.models.editor.path}/manifest.json",
    output:
        table("edits"),
    threads: S.models.editor.job.threads
    resources:
        **asked(S.models.editor.job),
    params:
        sections=["models.editor", "synthesis.edit"],
    shell:
        "python -m viper edit-images --seeds {input.seeds:q} --operations {input.operations:q}"
        " --checkpoint {input.checkpoint:q} --options {params.options:q}"
        " --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q} 2>&1 | tee {log:q}"


rule assemble_datasets:
    """Gather all shards into the CSR and VOP data sets; count what was dropped, by reason."""
    input:
        seeds=SEED_SHARDS,
        captions=shards("captions"),
        critiques=shards("critiques"),
        refinements=shards("refinements"),
        operations=shards("operations"),
        edits=shards("edits"),
    output:
        csr=f"{DATASET}/csr/train.parquet",
        vop=f"{DATASET}/vop/train.parquet",
        held_out=f"{DATASET}/vop/test.parquet",
        dropped=f"{DATASET}/dropped.csv",
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        seeds=lambda wildcards, input: Path(input.seeds[0]).parent,
        synthesis=lambda wildcards, input: Path(input.captions[0]).parents[1],
        folder=lambda wildcards, output: Path(output.dropped).parent,
        sections=[
            "seeds.shards",
            "synthesis.prompts",
            "synthesis.csr_size",
            "synthesis.vop_size",
            "synthesis.vop_share",
            "synthesis.vop_held_out",
            "synthesis.allow_fewer",
        ],
    shell:
        "python -m viper assemble-datasets --seeds {params.seeds:q} --synthesis {params.synthesis:q}"
        " --out {params.folder:q} --options {params.options:q} --lineage {wildcards.lineage:q}"
        " --seed {wildcards.seed:q} > {log:q} 2>&1"


rule describe_datasets:
    """The card of the data sets. A rule of its own: nothing is trained again because a card is worded anew."""
    input:
        rules.assemble_datasets.output,
    output:
        f"{DATASET}/README.md",
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        sections=[],
    shell:
        "python -m viper write-card {params.folder:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q}"
        " --out {output:q}"
        " > {log:q} 2>&1"


if S.seeds.source == "world" and S.models.checker:

    # The models that synthesized the data of some lineage of this scale.
    SYNTHESIZERS = list(
        dict.fromkeys(S.training.lineage(split_control(lineage)[0]).data_lineage for lineage in LINEAGES)
    )

    rule audit_synthesis:
        """Against the truth: captions, painter, whose mistake each refinement was, operations, edits."""
        input:
            steps=expand(
                f"data/{SCALE}/seed{{seed}}/synthesis/{{lineage}}/{{step}}/shard{{shard}}.parquet",
                seed=S.run_seeds,
                lineage=SYNTHESIZERS,
                step=["captions", "reconstructions", "critiques", "operations", "edits"],
                shard=range(S.seeds.shards),
            ),
            truth=expand(
                f"data/{SCALE}/seed{{seed}}/truth/shard{{shard}}.jsonl", seed=S.run_seeds, shard=range(S.seeds.shards)
            ),
            checkpoint=f"{S.models.checker}/manifest.json",
        output:
            f"results/{SCALE}/tables/synthesis_audit.csv",
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            data=lambda wildcards: f"data/{SCALE}",
            runs=repeated("--seed", S.run_seeds) + repeated("--lineage", SYNTHESIZERS),
            sections=["run_seeds", "experiments", "seeds.shards"],
        shell:
            "python -m viper audit-synthesis --data {params.data:q} {params.runs:q} --options {params.options:q}"
            " --checkpoint {input.checkpoint:q} --out {output:q} > {log:q} 2>&1"

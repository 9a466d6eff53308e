# The loop's synthesis, shard by shard: captions → reconstructions → critiques → refinements → operations → edits, and the
# two data sets from all shards. The lineage is that of the VLM that does it: `base`, or a checkpoint of the loop.

SYNTHESIS_LOG = f"{SCALE}/seed{{seed}}/{{lineage}}"
SEEDS = f"data/{SCALE}/seed{{seed}}/seeds/shard{{shard}}.parquet"
DATASET = f"data/{SCALE}/seed{{seed}}/dataset/{{lineage}}"


rule caption_images:
    """The VLM describes each seed image."""
    input:
        seeds=SEEDS,
        checkpoint=lambda wildcards: checkpoint(wildcards.lineage, wildcards.seed),
    output:
        table("captions"),
    log:
        f"logs/{SYNTHESIS_LOG}/caption_images/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/caption_images/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.vlm.job.threads
    resources:
        mem_mb=per_attempt(S.models.vlm.job.mem_mb),
        runtime=per_attempt(S.models.vlm.job.runtime),
        gpu=S.models.vlm.job.gpu,
    params:
        model=model_options("vlm"),
        options=synthesis_options("prompts", "caption"),
    shell:
        "python -m viper caption-images --seeds {input.seeds:q} --checkpoint {input.checkpoint:q}"
        " --model {params.model:q} --options {params.options:q} --lineage {wildcards.lineage:q}"
        " --seed {wildcards.seed:q} --out {output:q} 2>&1 | tee {log:q}"


rule reconstruct_images:
    """The painter draws each caption, without having seen the image."""
    input:
        captions=table("captions"),
        checkpoint=f"{S.models.painter.path}/manifest.json",
    output:
        table("reconstructions"),
    log:
        f"logs/{SYNTHESIS_LOG}/reconstruct_images/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/reconstruct_images/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.painter.job.threads
    resources:
        mem_mb=per_attempt(S.models.painter.job.mem_mb),
        runtime=per_attempt(S.models.painter.job.runtime),
        gpu=S.models.painter.job.gpu,
    params:
        model=model_options("painter"),
    shell:
        "python -m viper reconstruct-images --captions {input.captions:q} --checkpoint {input.checkpoint:q}"
        " --model {params.model:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
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
    log:
        f"logs/{SYNTHESIS_LOG}/critique_captions/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/critique_captions/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.vlm.job.threads
    resources:
        mem_mb=per_attempt(S.models.vlm.job.mem_mb),
        runtime=per_attempt(S.models.vlm.job.runtime),
        gpu=S.models.vlm.job.gpu,
    params:
        model=model_options("vlm"),
        options=synthesis_options("prompts", "critique"),
    shell:
        "python -m viper critique-captions --seeds {input.seeds:q} --captions {input.captions:q}"
        " --reconstructions {input.reconstructions:q} --checkpoint {input.checkpoint:q} --model {params.model:q}"
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
    log:
        f"logs/{SYNTHESIS_LOG}/refine_captions/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/refine_captions/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.vlm.job.threads
    resources:
        mem_mb=per_attempt(S.models.vlm.job.mem_mb),
        runtime=per_attempt(S.models.vlm.job.runtime),
        gpu=S.models.vlm.job.gpu,
    params:
        model=model_options("vlm"),
        options=synthesis_options("prompts", "refine", "entities", "vop_share"),
    shell:
        "python -m viper refine-captions --seeds {input.seeds:q} --captions {input.captions:q}"
        " --critiques {input.critiques:q} --checkpoint {input.checkpoint:q} --model {params.model:q}"
        " --options {params.options:q} --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule plan_operations:
    """Heuristics turn the hard entities of each image into editing operations."""
    input:
        table("refinements"),
    output:
        table("operations"),
    log:
        f"logs/{SYNTHESIS_LOG}/plan_operations/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/plan_operations/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        options=options("synthesis.operations"),
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
    log:
        f"logs/{SYNTHESIS_LOG}/edit_images/{{shard}}.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/edit_images/{{shard}}.tsv"
    conda:
        "../envs/viper.yaml"
    threads: S.models.editor.job.threads
    resources:
        mem_mb=per_attempt(S.models.editor.job.mem_mb),
        runtime=per_attempt(S.models.editor.job.runtime),
        gpu=S.models.editor.job.gpu,
    params:
        model=model_options("editor"),
        options=options("synthesis.edit"),
    shell:
        "python -m viper edit-images --seeds {input.seeds:q} --operations {input.operations:q}"
        " --checkpoint {input.checkpoint:q} --model {params.model:q} --options {params.options:q}"
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
    log:
        f"logs/{SYNTHESIS_LOG}/assemble_datasets.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/assemble_datasets.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        seeds=lambda wildcards, input: Path(input.seeds[0]).parent,
        synthesis=lambda wildcards, input: Path(input.captions[0]).parents[1],
        shards=S.seeds.shards,
        folder=lambda wildcards, output: Path(output.dropped).parent,
        options=synthesis_options("prompts", "csr_size", "vop_size", "vop_share", "vop_held_out", "allow_fewer"),
    shell:
        "python -m viper assemble-datasets --seeds {params.seeds:q} --synthesis {params.synthesis:q}"
        " --shards {params.shards:q} --out {params.folder:q} --options {params.options:q}"
        " --lineage {wildcards.lineage:q} --seed {wildcards.seed:q} > {log:q} 2>&1"


rule describe_datasets:
    """The card of the data sets. A rule of its own: nothing is trained again because a card is worded anew."""
    input:
        rules.assemble_datasets.output,
    output:
        f"{DATASET}/README.md",
    log:
        f"logs/{SYNTHESIS_LOG}/describe_datasets.log",
    benchmark:
        f"benchmarks/{SYNTHESIS_LOG}/describe_datasets.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(10),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
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
        log:
            f"logs/{SCALE}/audit_synthesis.log",
        benchmark:
            f"benchmarks/{SCALE}/audit_synthesis.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            data=lambda wildcards: f"data/{SCALE}",
            runs=repeated("--seed", S.run_seeds) + repeated("--lineage", SYNTHESIZERS),
            shards=S.seeds.shards,
        shell:
            "python -m viper audit-synthesis --data {params.data:q} {params.runs:q} --shards {params.shards:q}"
            " --checkpoint {input.checkpoint:q} --out {output:q} > {log:q} 2>&1"

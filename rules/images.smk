# The images that the loop starts from: drawn scenes, photographs of a folder, or those of a data set (`images.source`).

IMAGE_SHARDS = [L.images(shard=shard) for shard in range(S.images.all_shards)]

# What a photograph becomes; where it comes from is each rule's own.
AS_IMAGE = [f"images.{key}" for key in ("image_size", "min_side", "max_pixels")]


if S.images.source == "world":

    rule draw_images:
        """Draw scenes of the micro world; their truth goes to a file of its own, which only audits read."""
        output:
            images=IMAGE_SHARDS,
            truth=[L.truth(shard=shard) for shard in range(S.images.shards)],
        params:
            truth=lambda wildcards, output: repeated("--truth", output.truth),
            sections=["images"],
        shell:
            "python -m viper draw-images {output.images:q} {params.truth:q} --options {params.options:q}"
            " --seed {wildcards.seed:q} > {log:q} 2>&1"

    rule draw_fresh_images:
        """One shard of further scenes: for what starts every generation from seed images of its own."""
        output:
            images=L.images(),
            truth=L.truth(),
        wildcard_constraints:
            shard=r"\d+",
        params:
            sections=["images"],
        shell:
            "python -m viper draw-images {output.images:q} --truth {output.truth:q} --options {params.options:q}"
            " --first-shard {wildcards.shard:q} --seed {wildcards.seed:q} > {log:q} 2>&1"

    ruleorder: draw_images > draw_fresh_images

else:

    rule collect_images:
        """Read photographs: upright, RGB, of the wanted size; what is left out is counted in skipped.csv."""
        input:
            photographs=photographs,
            known=known_pictures(),
        output:
            images=IMAGE_SHARDS[: S.images.shards],
            skipped=L.skipped(),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            others=other_photographs,
            data=lambda wildcards, input: ["--data", Path(input.photographs[0]).parent] if S.images.hub else [],
            known=lambda wildcards, input: repeated("--known", input.known),
            sections=[
                *AS_IMAGE,
                *(f"images.{key}" for key in ("source", "paths", "hub", "benchmark_distance", "number", "shards")),
            ],
        shell:
            "python -m viper collect-images {output.images:q} --skipped {output.skipped:q} --options {params.options:q}"
            " {params.data:q} {params.known:q} --seed {wildcards.seed:q} > {log:q} 2>&1"

    for part in S.images.more:

        rule:
            """Read the photographs of this part of `images.more`, but for those that were there before."""
            name:
                f"collect_more_images_{part}"
            input:
                before=IMAGE_SHARDS[: S.images.shards_of(part).start],
                photographs=more_photographs(part),
                known=known_pictures(),
            output:
                images=[IMAGE_SHARDS[shard] for shard in S.images.shards_of(part)],
                skipped=L.skipped(more=part),
            resources:
                mem_mb=per_attempt(4000),
                runtime=per_attempt(240),
            params:
                part=part,
                known=lambda wildcards, input: repeated("--known", input.known),
                before=lambda wildcards, input: repeated("--before", input.before),
                others=more_other_photographs(part),
                sections=[*AS_IMAGE, "images.benchmark_distance", f"images.more.{part}"],
            shell:
                "python -m viper collect-images {output.images:q} --skipped {output.skipped:q} --more {params.part:q}"
                " {params.before:q} {params.known:q} --options {params.options:q} --seed {wildcards.seed:q} > {log:q} 2>&1"


if S.images.hub:

    localrules:
        fetch_photographs,

    rule fetch_photographs:
        """Download the named files of a data set of photographs, at its pinned commit, and check every one."""
        output:
            photograph_data(),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(720),
        params:
            files=repeated("--file", S.images.hub.files),
            folder=lambda wildcards, output: Path(output[0]).parent,
            dataset=S.images.hub.dataset,
            sections=[],
        shell:
            "HF_HUB_OFFLINE=0 python -m viper fetch-photographs {params.dataset:q} {params.files:q}"
            " --folder {params.folder:q} 2>&1 | tee {log:q}"


if S.images.benchmark_distance is not None:

    rule hash_benchmark:
        """Perceptual hashes of the pictures of one official benchmark: no photograph like one of them is trained on."""
        input:
            layout.unpacked(S.evaluation.folder),
        output:
            layout.picture_hashes(S.evaluation.folder),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(480),
        params:
            pictures=lambda wildcards, input: Path(input[0]).parent / "pictures",
            sections=[],
        shell:
            "python -m viper hash-pictures {params.pictures:q} --output {output:q} > {log:q} 2>&1"

# The images that the loop starts from: drawn scenes, or photographs of a folder (`images.source`).

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

else:

    rule collect_images:
        """Read photographs: upright, RGB, of the wanted size; what cannot be used is counted in skipped.csv."""
        input:
            photographs,
        output:
            images=IMAGE_SHARDS[: S.images.shards],
            skipped=L.skipped(),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            others=other_photographs,
            sections=[*AS_IMAGE, "images.paths", "images.number", "images.shards"],
        shell:
            "python -m viper collect-images {output.images:q} --skipped {output.skipped:q} --options {params.options:q}"
            " --seed {wildcards.seed:q} > {log:q} 2>&1"

    for part in S.images.more:

        rule:
            """Read the photographs of this part of `images.more`, but for those that were there before."""
            name:
                f"collect_more_images_{part}"
            input:
                before=IMAGE_SHARDS[: S.images.shards_of(part).start],
                photographs=more_photographs(part),
            output:
                images=[IMAGE_SHARDS[shard] for shard in S.images.shards_of(part)],
                skipped=L.skipped(more=part),
            resources:
                mem_mb=per_attempt(4000),
                runtime=per_attempt(240),
            params:
                part=part,
                before=lambda wildcards, input: repeated("--before", input.before),
                others=more_other_photographs(part),
                sections=[*AS_IMAGE, f"images.more.{part}"],
            shell:
                "python -m viper collect-images {output.images:q} --skipped {output.skipped:q} --more {params.part:q}"
                " {params.before:q} --options {params.options:q} --seed {wildcards.seed:q} > {log:q} 2>&1"

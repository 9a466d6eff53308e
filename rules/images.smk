# The images that the loop starts from: drawn scenes, or photographs of a folder (`images.source`).

IMAGE_SHARDS = [L.images(shard=shard) for shard in range(S.images.shards)]


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
            images=IMAGE_SHARDS,
            skipped=L.skipped(),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            others=other_photographs,
            sections=["images"],
        shell:
            "python -m viper collect-images {output.images:q} --skipped {output.skipped:q} --options {params.options:q}"
            " --seed {wildcards.seed:q} > {log:q} 2>&1"

# The images that the loop starts from: drawn scenes, or photographs of a folder (`seeds.source`).

SEED_SHARDS = [L.images(shard=shard) for shard in range(S.seeds.shards)]


if S.seeds.source == "world":

    rule draw_seeds:
        """Draw scenes of the micro world; their truth goes to a file of its own, which only audits read."""
        output:
            images=SEED_SHARDS,
            truth=[L.truth(shard=shard) for shard in range(S.seeds.shards)],
        params:
            truth=lambda wildcards, output: repeated("--truth", output.truth),
            sections=["seeds"],
        shell:
            "python -m viper draw-seeds {output.images:q} {params.truth:q} --options {params.options:q}"
            " --seed {wildcards.seed:q} > {log:q} 2>&1"

else:

    rule collect_seeds:
        """Read photographs: upright, RGB, of the wanted size; what cannot be used is counted in skipped.csv."""
        input:
            photographs,
        output:
            images=SEED_SHARDS,
            skipped=L.skipped(),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            others=other_photographs,
            sections=["seeds"],
        shell:
            "python -m viper collect-seeds {output.images:q} --skipped {output.skipped:q} --options {params.options:q}"
            " --seed {wildcards.seed:q} > {log:q} 2>&1"

# The images that the loop starts from: drawn scenes, or photographs of a folder (`seeds.source`).

SEED_FOLDER = f"data/{SCALE}/seed{{seed}}"
SEED_SHARDS = [f"{SEED_FOLDER}/seeds/shard{shard}.parquet" for shard in range(S.seeds.shards)]


if S.seeds.source == "world":

    rule draw_seeds:
        """Draw scenes of the micro world; their truth goes to a file of its own, which only audits read."""
        output:
            SEED_SHARDS,
            truth=[f"{SEED_FOLDER}/truth/shard{shard}.jsonl" for shard in range(S.seeds.shards)],
        params:
            folder=SEED_FOLDER,
            sections=["seeds"],
        shell:
            "python -m viper make-seeds {params.folder:q} --options {params.options:q} --seed {wildcards.seed:q}"
            " > {log:q} 2>&1"

else:

    rule collect_seeds:
        """Read photographs: upright, RGB, of the wanted size; what cannot be used is counted in skipped.csv."""
        input:
            photographs,
        output:
            SEED_SHARDS,
            skipped=f"{SEED_FOLDER}/seeds/skipped.csv",
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            folder=SEED_FOLDER,
            others=other_photographs,
            sections=["seeds"],
        shell:
            "python -m viper make-seeds {params.folder:q} --options {params.options:q} --seed {wildcards.seed:q}"
            " > {log:q} 2>&1"

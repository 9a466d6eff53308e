# The images that the loop starts from: drawn scenes, or photographs of a folder (`seeds.source`).

SEED_FOLDER = f"data/{SCALE}/seed{{seed}}"
SEED_SHARDS = [f"{SEED_FOLDER}/seeds/shard{shard}.parquet" for shard in range(S.seeds.shards)]


if S.seeds.source == "world":

    rule draw_seeds:
        """Draw scenes of the micro world; their truth goes to a file of its own, which only audits read."""
        output:
            SEED_SHARDS,
            truth=[f"{SEED_FOLDER}/truth/shard{shard}.jsonl" for shard in range(S.seeds.shards)],
        log:
            f"logs/{SCALE}/seed{{seed}}/draw_seeds.log",
        benchmark:
            f"benchmarks/{SCALE}/seed{{seed}}/draw_seeds.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(2000),
            runtime=per_attempt(10),
        params:
            folder=SEED_FOLDER,
            options=options("seeds"),
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
        log:
            f"logs/{SCALE}/seed{{seed}}/collect_seeds.log",
        benchmark:
            f"benchmarks/{SCALE}/seed{{seed}}/collect_seeds.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            folder=SEED_FOLDER,
            others=other_photographs,
            options=options("seeds"),
        shell:
            "python -m viper make-seeds {params.folder:q} --options {params.options:q} --seed {wildcards.seed:q}"
            " > {log:q} 2>&1"

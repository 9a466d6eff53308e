# The similarity threshold of the reward, chosen for the scale's embedder. Wanted only where params.yaml says
# `reward.tau: calibrated`; elsewhere it can be asked for by name, to see what the threshold would have been.


rule calibrate_tau:
    """Choose tau for the sentence embedder from pairs of sentences: the same meaning, or one thing wrong."""
    input:
        calibration_pairs,
        embedder_manifest,
    output:
        choice=f"results/{SCALE}/tables/tau.json",
        roc=f"results/{SCALE}/tables/tau_roc.csv",
        pairs=f"results/{SCALE}/tables/tau_pairs.csv",
    log:
        f"logs/{SCALE}/calibrate_tau.log",
    benchmark:
        f"benchmarks/{SCALE}/calibrate_tau.tsv"
    conda:
        "../envs/viper.yaml"
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        options=as_argument(S.reward.model_dump_json(include={"embedder", "calibration"})),
    shell:
        "python -m viper calibrate-tau --choice {output.choice:q} --roc {output.roc:q} --pairs {output.pairs:q}"
        " --options {params.options:q} > {log:q} 2>&1"

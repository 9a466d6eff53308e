# The similarity threshold of the reward, chosen for the scale's embedder. Wanted only where params.yaml says
# `reward.tau: calibrated`; elsewhere it can be asked for by name, to see what the threshold would have been.


rule calibrate_tau:
    """Choose tau for the sentence embedder from pairs of sentences: the same meaning, or one thing wrong."""
    input:
        calibration_pairs,
        embedder_manifest,
    output:
        choice=L.tau(),
        roc=L.once("threshold", "tau_roc.csv"),
        pairs=L.once("threshold", "tau_pairs.csv"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(30),
    params:
        sections=["reward.embedder", "reward.calibration"],
    shell:
        "python -m viper calibrate-tau --choice {output.choice:q} --roc {output.roc:q} --pairs {output.pairs:q}"
        " --options {params.options:q} > {log:q} 2>&1"


# The same for the embedder of a variant, or for sentence pairs of its own.
use rule calibrate_tau as calibrate_tau_of_variant with:
    output:
        choice=L.tau("{lineage}/"),
        roc=L.once("threshold", "{lineage}/tau_roc.csv"),
        pairs=L.once("threshold", "{lineage}/tau_pairs.csv"),
    wildcard_constraints:
        lineage="base~[a-z0-9_]+",

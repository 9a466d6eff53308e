# Before the first long job: what a node of each kind has, and whether the scale's models take a step there. Kinds are the
# distinct amounts of threads, GPUs and memory that rules ask for; each is asked of as its rules would ask. What was found
# is removed once it was shown, so that it looks anew each time: not by `temp`, since Snakemake keeps what a target that
# makes nothing reads.


rule preflight_node:
    """What a node of one kind has, against what jobs will ask of it, and one small step of each of their models."""
    output:
        L.finding(),
    threads: of_kind("threads")
    resources:
        mem_mb=of_kind("mem_mb"),
        gpu=of_kind("gpu"),
        runtime=lambda wildcards: kinds()[wildcards.kind],
    params:
        sections=["models", "training.machine", "reward.embedder", "fit"],
        parts=lambda wildcards: repeated("--part", parts_of(Kind.of(wildcards.kind))),
    shell:
        "python -m viper preflight-node --kind {wildcards.kind:q} {params.parts:q} --options {params.options:q}"
        " --out {output:q} > {log:q} 2>&1"


# Where Snakemake runs, so that its user reads the table.
localrules:
    preflight,


rule preflight:
    """One table of what nodes of each kind have; what is wrong there, and how to mend it."""
    input:
        lambda wildcards: [L.finding(kind=kind) for kind in kinds()],
    log:
        L.log("preflight"),
    retries: 0  # what it has shown is gone
    params:
        sections=[],
    shell:
        "python -m viper preflight-table {input:q} 2>&1 | tee {log:q}"

# Before the first long job: what a node of each kind has, and whether the scale's models take a step there. Kinds are the
# distinct amounts of threads, GPUs and memory that rules ask for; each is asked of as its rules would ask. What was found
# is removed once it was shown, so that it looks anew each time: not by `temp`, since Snakemake keeps what a target that
# makes nothing reads.
from viper.cluster.preflight import Kind
from viper.workflow import insides


@cache
def kinds():
    """Kind → the minutes of the longest of its jobs, so that Slurm takes the nodes that it will take for these."""
    found = {}
    for rule in workflow.rules:
        if rule.name.startswith("preflight") or not insides.is_submitted(workflow, rule):
            continue
        if amounts := insides.first_amounts(rule, "gpu", "mem_mb", "runtime"):
            threads, (gpu, mem_mb, runtime) = amounts
            kind = Kind(threads, gpu or gpus_of(rule), mem_mb).name
            found[kind] = max(runtime, found.get(kind, 0))
    return found


def gpus_of(rule):
    """GPUs on each node of a training on several."""
    return S.training.machine.job.gpu if insides.asks_for(rule, "gres") else 0


def parts_of(kind):
    """The models whose jobs are of this kind."""
    jobs = {part: getattr(S.models, part).job for part in ("vlm", "painter", "editor")}
    jobs["training"] = S.training.machine.job
    return [
        part
        for part, job in jobs.items()
        if (job.threads, job.gpu, job.mem_mb) == (kind.threads, kind.gpu, kind.mem_mb)
    ]


def of_kind(amount):
    """A resource of the job that looks at a node: the same as of the jobs of its kind."""

    def asked_for(wildcards):
        return getattr(Kind.of(wildcards.kind), amount)

    return asked_for


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
        sections=["models", "training.machine", "reward.embedder"],
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

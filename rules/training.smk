# Training. One rule trains the last phase of any lineage from its parent's checkpoint: which phases there are, and on
# what data, stands in params.yaml and scales/ (training.phases); what a name means, in src/viper/lineage.py.

from viper.processes import work_alone

# What another launcher left in the environment would reach this one, and the processes that it starts.
work_alone()
LAUNCH = ["python", "-m", "viper"]
if S.training.machine.accelerate_config:
    # One word, as a path may begin with a dash.
    LAUNCH = ["accelerate", "launch", f"--config_file={S.training.machine.accelerate_config}"]
    LAUNCH += ["--num_processes", S.training.machine.devices, "-m", "viper"]

# Where the scale names its GPUs, nothing is trained before every step is known to fit; read by nobody, it trains nothing anew.
FORECAST = [ancient(L.once("fit", "forecast.csv"))] if S.fit.gpu_memory is not None else []


rule train:
    """Train one phase. An interrupted run goes on from its last checkpoint in work/, which success removes."""
    input:
        parent=lambda wildcards: checkpoint(parse_lineage(wildcards.lineage).parent, wildcards.seed),
        data=training_data,
        card=ancient(data_card),  # read by nobody here: it is made with the data, and when it is reworded nothing is trained
        tau=threshold,
        embedder=reward_embedder,
        launcher=launcher,
        fit=FORECAST,
    output:
        manifest=L.checkpoint(),
        metrics=L.metrics("train.csv"),
        rollouts=L.metrics("rollouts.jsonl"),
    wildcard_constraints:
        lineage=rf"{ROOT}(\.[a-z0-9]+)+",
    threads: S.training.machine.job.threads
    resources:
        **asked(S.training.machine.job),
    params:
        sections=training_sections,
        data=lambda wildcards, input: repeated("--data", input.data),
        tau=lambda wildcards, input: repeated("--tau", [input.tau] if input.tau else []),
        model=lambda wildcards, output: Path(output.manifest).parent,
        work=L.work(),
        launch=LAUNCH,
    shell:
        "{params.launch:q} train --parent {input.parent:q} {params.data:q} --lineage {wildcards.lineage:q}"
        " --seed {wildcards.seed:q} --options {params.options:q} {params.tau:q} --work {params.work:q}"
        " --model {params.model:q} --metrics {output.metrics:q} --rollouts {output.rollouts:q} 2>&1 | tee {log:q}"


rule cold_samples:
    """Chain-of-thought samples for the cold start: from a file of a stronger model, or from the micro world's truth."""
    input:
        cold_start_file,
    output:
        L.cold(),
    resources:
        runtime=per_attempt(30),
    params:
        sections=["training.cold_start"],
    shell:
        "python -m viper cold-samples --options {params.options:q} --seed {wildcards.seed:q} --out {output:q} > {log:q}"
        " 2>&1"


if S.fit.gpu_memory is not None:

    rule forecast_fit:
        """What every step takes of a GPU and of a machine; where one does not fit, nothing is trained."""
        output:
            L.once("fit", "forecast.csv"),
        resources:
            mem_mb=per_attempt(8000),
            runtime=per_attempt(30),
        params:
            scale=SCALE,
            config=CONFIG,
            # The command reads the whole scale, with the jobs' sizes; it runs anew where one of these changes.
            sections=["models", "images", "synthesis", "reward", "training", "evaluation", "experiments", "fit"],
        shell:
            # tee: what does not fit, and what mends it, is said at once
            "python -m viper fit --scale {params.scale:q} --config {params.config:q} --output {output:q} 2>&1"
            " | tee {log:q}"

# Before the first job of a run: on Slurm, whether it can take the jobs, which get as many CPUs as they ask for; elsewhere,
# how many GPUs they share; on both, that Snakemake looks for what may begin when a job has ended, and not all the time.
import os

from snakemake.logging import logger
from viper.cluster import ending

insides.lift_core_limit(workflow)

# In a job of its own: Snakemake hears when Slurm is about to end it, and what it starts does not.
if "SLURM_JOB_ID" in os.environ and not workflow.is_main_process:
    ending.listen()
    shell.prefix(f"set -euo pipefail; trap '' {SIGNAL.name}; ")


def begin_on_slurm():
    """Stop where Slurm cannot take the jobs; end the jobs that a killed run has left behind; name jobs that are too big."""
    from snakemake_executor_plugin_slurm.partitions import read_partition_file
    from viper.cluster import slurm

    jobs = insides.waiting_jobs(workflow)
    source = workflow.executor_settings.partition_config
    partitions = read_partition_file(source) if source else []
    try:
        slurm.check_partitions([partition.name for partition in partitions], source)
        cancelled = slurm.begin_run(insides.run_name(workflow), Path.cwd())
    except ViperError as error:
        stop(error)
    if cancelled:
        logger.warning(f"Cancelled what an earlier run left in Slurm's queue: jobs {', '.join(cancelled)}.")
    too_big = [job for job in jobs if partitions and all(part.score_job_fit(job) is None for part in partitions)]
    for rule_name, job in {job.rule.name: job for job in too_big}.items():
        keys = ("nodes", "mem_mb", "gpu", "gres", "runtime")
        asked = ", ".join(f"{key} {job.resources[key]}" for key in keys if job.resources.get(key))
        logger.warning(
            f"Rule {rule_name} asks for more than any partition in {source} offers (threads {job.threads}, {asked}): "
            "lower `models.*.job` or `training.machine.job` in the scale's file, or correct the limits in that file."
        )


def begin_here():
    """Let no more GPU jobs run at a time than there are GPUs; stop where a single one asks for more."""
    from viper.cluster import gpus

    found = gpus.usable()
    for job in insides.waiting_jobs(workflow) if found else []:
        if job.resources.get("gpu", 0) > len(found):
            stop(
                f"rule {job.rule.name} asks for {job.resources.gpu} GPUs, and {len(found)} can be used here "
                f"({', '.join(found)}): lower `gpu` in models.*.job or training.machine.job, and with it "
                "training.machine.devices, or name a target that does not need it"
            )
    if found and "gpu" not in workflow.resource_settings.resources:  # --resources gpu=… sets another limit
        insides.share(workflow, "gpu", len(found))


onstart:
    insides.lift_rate_limit(workflow)
    if workflow.executor_plugin.name == "slurm":
        begin_on_slurm()
    elif workflow.is_main_process:
        begin_here()

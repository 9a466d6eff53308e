# Before the first job of a run with `--profile slurm`; runs without Slurm have nothing to do here.
from snakemake.logging import logger


def begin_on_slurm():
    """Stop where Slurm cannot take the jobs; end the jobs that a killed run has left behind; name jobs that are too big."""
    from snakemake_executor_plugin_slurm.partitions import read_partition_file
    from viper.cluster import slurm
    from viper.workflow import insides

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
        asked = ", ".join(f"{key} {job.resources.get(key, 0)}" for key in ("mem_mb", "gpu", "runtime"))
        logger.warning(
            f"Rule {rule_name} asks for more than any partition in {source} offers (threads {job.threads}, {asked}): "
            "lower `models.*.job` or `training.machine.job` in the scale's file, or correct the limits in that file."
        )


onstart:
    if workflow.executor_plugin.name == "slurm":
        begin_on_slurm()

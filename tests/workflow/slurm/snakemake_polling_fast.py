"""Snakemake as it is, but asking Slurm twice a second how its jobs are: a test cannot wait as long as a user can."""

import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 0.5, lambda self, seconds: None)

if __name__ == "__main__":
    main(sys.argv[1:])

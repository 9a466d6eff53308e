# Stops before anything is planned on files that were pulled without a record: see src/viper/provenance/guard.py.
import sys

from snakemake.exceptions import WorkflowError

from viper.provenance import guard

# What is planned from nothing (`--forceall`, `python -m viper cost`) trusts no file.
PLANS_EVERYTHING = getattr(workflow.dag_settings, "forceall", False)

if workflow.is_main_process and not PLANS_EVERYTHING and not guard.HARMLESS.intersection(sys.argv):
    if pulled := guard.unrecorded():
        raise WorkflowError(guard.message(pulled))

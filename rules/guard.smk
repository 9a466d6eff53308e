# Stops before anything is planned on files that were pulled without a record: see src/viper/provenance/guard.py.
import sys

from snakemake.exceptions import WorkflowError

from viper.provenance import guard

if workflow.is_main_process and not guard.is_harmless(sys.argv):
    if pulled := guard.unrecorded():
        raise WorkflowError(guard.message(pulled))

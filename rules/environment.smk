# What every run needs first: this checkout's package and programs, the end of killed runs, and a name (viper.digests).
# Included before all others, since these import the package.
import sys


def stop(message):
    """End with one message on standard error: whatever is raised here otherwise is shown with stack frames."""
    raise SystemExit(str(message))


try:
    import viper.config
    from viper import checkout, digests
    from viper.errors import ViperError
    from viper.workflow import insides, runs
    from viper.tools import tell_dvc_of_missing_git
except ImportError as error:
    stop(
        f"the environment that Snakemake runs in, {sys.prefix}, is not this checkout's ({error}): run `make setup`, "
        "and use this folder's .venv (`. .venv/bin/activate`)"
    )

try:
    checkout.check()
    if workflow.is_main_process:
        runs.begin()
        tell_dvc_of_missing_git()
except ViperError as error:
    stop(error)

checkout.use_own_programs()
digests.begin_run()
insides.look_behind_ancient()

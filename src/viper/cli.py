"""`python -m viper COMMAND`: the commands that the workflow's rules call, and a few for people."""

import logging
import os
import sys
from importlib import import_module

import typer

from viper.errors import ViperError
from viper.provenance.sidecar import observe

# Each area registers its own commands; heavy libraries are imported only inside a command.
AREAS = ("models", "synthesis", "reward", "training", "evaluation", "analysis", "provenance", "speed", "cost")


def build() -> typer.Typer:
    """Return the command-line application with the commands of every area."""
    app = typer.Typer(
        help="ViPER as a workflow. The rules call these commands; `snakemake` decides which, and when.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for area in AREAS:
        import_module(f"viper.{area}.commands").register(app)
    return app


def main() -> None:
    """Run one command; a `ViperError`, or too little memory, becomes one message on stderr and its exit status.

    Tables and figures that the command made get the record of what they were made from beside them.
    """
    logging.basicConfig(
        level=os.environ.get("VIPER_LOG", "INFO"), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    trace = observe()
    try:
        build()()
    except ViperError as error:
        _stop(str(error), error.status)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        _stop(_explained(error))
    except SystemExit as end:
        if not end.code:
            try:
                trace.write()
            except ViperError as error:
                _stop(str(error), error.status)
        raise


def _stop(message: str, status: int = 2) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(status)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory was refused; torch has an error of its own for GPUs, and a plain RuntimeError for the CPU."""
    is_torchs = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or is_torchs


def _explained(error: Exception) -> str:
    reason = (str(error).strip().splitlines() or ["no memory left"])[0]
    return (
        f"out of memory ({reason}). Do less at once: lower models.*.batch_size or training.phases.*.responses_per_pass,"
        " or raise seeds.shards; or ask for more: mem_mb of models.*.job or training.machine.job"
    )

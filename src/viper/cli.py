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
    """Run one command; a `ViperError` becomes its message on stderr and its exit status, without a traceback.

    Tables and figures that the command made get the record of what they were made from beside them.
    """
    logging.basicConfig(
        level=os.environ.get("VIPER_LOG", "INFO"), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    trace = observe()
    try:
        build()()
    except ViperError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.status)
    except SystemExit as end:
        if not end.code:
            trace.write()
        raise

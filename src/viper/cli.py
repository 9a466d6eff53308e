"""`python -m viper COMMAND`: the commands that the workflow's rules call, and a few for people."""

import logging
import os
import sys
from importlib import import_module

import typer

from viper.errors import ViperError

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
    """Run one command; a `ViperError` becomes its message on stderr and exit status 2, without a traceback."""
    logging.basicConfig(
        level=os.environ.get("VIPER_LOG", "INFO"), format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        build()()
    except ViperError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)

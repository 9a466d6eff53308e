"""All commands of `python -m viper`, collected from the areas."""

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

# Each area registers its own commands; heavy libraries are imported only inside a command.
AREAS = (
    "models",
    "synthesis",
    "reward",
    "training",
    "evaluation",
    "analysis",
    "questions",
    "provenance",
    "bench",
    "cost",
    "fit",
    "cluster",
)


def build() -> "typer.Typer":
    """Return the command-line application with the commands of every area."""
    import typer

    app = typer.Typer(
        help="ViPER as a workflow. The rules call these commands; `snakemake` decides which, and when.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for area in AREAS:
        import_module(f"viper.{area}.commands").register(app)
    for command in app.registered_commands:
        command.help = flowing(command.help or command.callback.__doc__ or "")
    return app


def flowing(text: str) -> str:
    """The help of a command, each paragraph in one line, which the terminal breaks; lists of indented lines stay."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if "\n " in each else " ".join(each.split()) for each in paragraphs)

"""All commands of `python -m viper`, collected from the areas."""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from viper.errors import ViperError

if TYPE_CHECKING:
    import click
    import typer
    from typer.core import TyperCommand

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
    kind = careful()
    for command in app.registered_commands:
        command.help = flowing(command.help or command.callback.__doc__ or "")
        command.cls = kind
    return app


def careful() -> "type[TyperCommand]":
    """A command that refuses to write where it reads, or two things to one place, before it begins.

    What a command writes is known by its parameter: that is `output`, or its help says "to write".
    """
    from typer.core import TyperCommand

    class Careful(TyperCommand):
        def invoke(self, ctx: "click.Context") -> object:
            keep_apart(self.params, ctx.params)
            return super().invoke(ctx)

    return Careful


def keep_apart(params: "Sequence[click.Parameter]", values: Mapping[str, object]) -> None:
    """Whether every place that is written to has one parameter.

    Args:
        params: of a command. values: by the names of these.

    Raises:
        ViperError: what is written to is read, or written to twice.
    """
    places = [
        (param, path)
        for param in params
        for value in [values.get(param.name)]
        for path in (value if isinstance(value, list | tuple) else [value])
        if isinstance(path, Path)
    ]
    written: dict[Path, click.Parameter] = {}
    for param, path in places:
        if not is_written(param):
            continue
        if other := written.get(path.resolve()):
            raise ViperError(f"{path}: is to be written twice, as {_shown(other)} and {_shown(param)}: name two files")
        written[path.resolve()] = param
    for param, path in places:
        writer = written.get(path.resolve())
        if writer and not is_written(param):
            raise ViperError(
                f"{path}: would be overwritten: it is what {_shown(param)} names, and {_shown(writer)} is written. "
                "Write to another file"
            )


def is_written(param: "click.Parameter") -> bool:
    """Whether a command writes what this parameter names."""
    return param.name == "output" or "to write" in (getattr(param, "help", None) or "")


def _shown(param: "click.Parameter") -> str:
    return max(param.opts, key=len) if param.param_type_name == "option" else param.name.upper()


def flowing(text: str) -> str:
    """The help of a command, each paragraph in one line, which the terminal breaks; lists of indented lines stay."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(each if "\n " in each else " ".join(each.split()) for each in paragraphs)

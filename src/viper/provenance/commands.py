"""Commands that say what a file is made of."""

from pathlib import Path
from typing import Annotated

import typer

from viper.errors import ViperError
from viper.manifest import write_manifest


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command("write-manifest")
    def write_manifest_command(
        folder: Annotated[Path, typer.Argument(help="a folder with a model's files")],
    ) -> None:
        """List the files of a model folder, with sizes and SHA-256, in its manifest.json."""
        if not folder.is_dir():
            raise ViperError(f"{folder}: not a folder: name the folder that holds the model's files")
        typer.echo(write_manifest(folder))

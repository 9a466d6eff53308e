"""The files of a figure: pictures, and the caption that the report shows; the same for every command that draws."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.files import atomic_write

if TYPE_CHECKING:
    from viper.plotting import Figure

Output = Annotated[list[Path], typer.Option(help="picture to write, .png, .svg or .pdf; give it once for each")]
Caption = Annotated[Path, typer.Option(help="caption to write, .rst")]


def write_figure(drawn: "Figure", output: Sequence[Path], text: str, caption: Path) -> None:
    """Save a figure as every picture of `output`, and what is told of it as `caption`."""
    from viper.analysis.figures import style

    for path in output:
        style.save(drawn, path)
    with atomic_write(caption) as partial:
        partial.write_text(text, encoding="utf-8")

"""Commands of the question `needle`."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import atomic_write, write_table


def register(app: typer.Typer) -> None:
    """Add the commands of this question to the command line."""
    app.command()(draw_needles)
    app.command()(measure_needle)
    app.command()(needle_table)
    app.command()(figure_needle)


def draw_needles(options: Options, output: Annotated[Path, typer.Option(help="Parquet file to write")]) -> None:
    """Draw pictures with one small object that decides the answer."""
    import pandas as pd

    from viper.questions.needle import world
    from viper.questions.needle.measure import NEEDLES

    sections = read_options(options)
    asked = sections.open_questions.needle
    drawn = world.draw(asked.seed, asked.pictures, sections.evaluation.splits[asked.split].pictures)
    with atomic_write(output) as partial:
        pd.DataFrame(drawn, columns=NEEDLES).to_parquet(partial, index=False)


def measure_needle(
    needles: Annotated[Path, typer.Argument(help="pictures that the command `draw-needles` drew")],
    checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checkpoint's folder")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: one row a picture, question and method")],
) -> None:
    """How much of one checkpoint's attention lies on the object that decides the answer."""
    from viper.manifest import model_folder
    from viper.models.transformers_vlm import load_transformers
    from viper.questions.needle.measure import NEEDLES, measure
    from viper.reading import read_parquet

    sections = read_options(options)
    # Only eager attention computes the weights that are to be measured.
    section = sections.models.vlm.model_copy(update={"attention": "eager"})
    drawn = read_parquet(needles, NEEDLES).to_dict("records")
    vlm = load_transformers(model_folder(checkpoint), section)
    write_table(output, measure(vlm, drawn, sections.evaluation.attention), float_format="%.8f")


def needle_table(
    measured: Annotated[list[Path], typer.Argument(help="SOMEWHERE/LINEAGE/seedN/FILE.csv of every lineage and seed")],
    lineage: Annotated[list[str], typer.Option(help="a lineage that is compared; the first is held to area and text")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: one row a lineage, way of reading and quantity")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the claims, with verdicts")],
) -> None:
    """Attention on the decisive object, before and after training."""
    from viper.analysis.runs import by_run
    from viper.questions.needle import table as computed

    sections = read_options(options)
    tables = {run: computed.read_measured(path) for run, path in by_run(measured).items()}
    scores = computed.score(tables, lineage, sections.analysis)
    judged = computed.claims(scores, lineage)
    write_table(table, computed.tidy(scores, lineage), float_format="%.4f")
    write_table(claims, judged, float_format="%.4f")


def figure_needle(
    table: Annotated[Path, typer.Argument(help="table that the command `needle-table` wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw the attention on the decisive object."""
    from viper.analysis.figures import style
    from viper.questions.needle import figure
    from viper.questions.needle.table import read_tidy

    rows = read_tidy(table)
    style.use_style()
    write_figure(figure.draw(rows), output, figure.caption(rows, read_options(options).analysis.confidence), caption)

"""Commands of the question of the family."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(families_table)
    app.command()(figure_families)


def families_table(
    predictions: Annotated[list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: scores and gains of each family, stage and benchmark")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers with their verdicts")],
) -> None:
    """What each family gains over its own base, and the difference of the gains."""
    from viper.analysis.benchmark_names import drawn_names, own_names
    from viper.analysis.predictions import Predictions
    from viper.analysis.tables import score_benchmarks
    from viper.questions.families import table as module

    sections = read_options(options)
    question, settings = sections.open_questions.families, sections.analysis
    answers = Predictions.of(predictions, question.lineages)
    scores = score_benchmarks(answers, sections.evaluation.benchmarks, settings)
    summary = module.summary(scores, question.families, len(answers.runs))
    summary = own_names(summary, drawn_names(sections.evaluation))
    write_table(table, summary, float_format="%.4f")
    write_table(claims, module.claims(scores, question.families, settings), float_format="%.4f")


def figure_families(
    table: Annotated[Path, typer.Argument(help="table that the command `families-table` wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw the scores of both families over the stages, and what they gained on each benchmark."""
    from viper.analysis.figures import style
    from viper.questions.families import figure
    from viper.questions.families import table as module

    rows = module.read_summary(table)
    style.use_style()
    write_figure(figure.draw(rows), output, figure.caption(rows, read_options(options).analysis.confidence), caption)

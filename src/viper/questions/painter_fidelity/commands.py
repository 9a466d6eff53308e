"""Commands of the question how much the loop depends on its painter and editor."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(painter_fidelity)
    app.command()(figure_painter_fidelity)


def painter_fidelity(
    predictions: Annotated[list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv")],
    audit: Annotated[Path, typer.Option(help="table that the command `audit-synthesis` wrote of these lineages")],
    options: Options,
    summary: Annotated[Path, typer.Option(help="CSV to write: fidelity, labels and gain of each lineage")],
    points: Annotated[Path, typer.Option(help="CSV to write: the same of each seed")],
    line: Annotated[Path, typer.Option(help="CSV to write: the fitted line with its band")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers with their verdicts")],
) -> None:
    """What the loop gains against how faithful its painter and editor are, and the slope of the two."""
    from viper.analysis.predictions import Predictions
    from viper.analysis.tables import score_benchmarks
    from viper.questions.audits import read_audit
    from viper.questions.painter_fidelity import table

    sections = read_options(options)
    question, settings = sections.open_questions.painter_fidelity, sections.analysis
    answers = Predictions.of(predictions, question.lineages)
    scores = score_benchmarks(answers, sections.evaluation.benchmarks, settings)
    audited = read_audit(audit, table.SHARES.values(), answers.seeds)
    measured = table.measure(audited, scores, question.lineages, answers.seeds, settings.seed)
    for path, rows in (
        (summary, table.summary(measured)),
        (points, table.points(measured)),
        (line, table.line(measured)),
        (claims, table.claims(measured, question, settings)),
    ):
        write_table(path, rows, float_format="%.4f")


def figure_painter_fidelity(
    summary: Annotated[Path, typer.Argument(help="table that the command `painter-fidelity` wrote")],
    points: Annotated[Path, typer.Argument(help="its table of seeds")],
    line: Annotated[Path, typer.Argument(help="its fitted line")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw the gain against the fidelity of painter and editor."""
    from viper.analysis.figures import style
    from viper.questions.painter_fidelity import figure, table

    rows = table.read_summary(summary)
    by_seed, fitted = table.read_points(points, rows), table.read_line(line)
    style.use_style()
    told = figure.caption(rows, fitted, read_options(options).analysis.confidence)
    write_figure(figure.draw(rows, by_seed, fitted), output, told, caption)

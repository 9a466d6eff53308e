"""Commands of the question which labels of its own a model can learn from."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(ablation_labels)
    app.command()(figure_ablation_labels)


def ablation_labels(
    predictions: Annotated[list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv")],
    audit: Annotated[Path, typer.Option(help="table that the command `audit-synthesis` wrote of these lineages")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: true labels, score and gain of each lineage")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers with their verdicts")],
    by_truth: Annotated[list[str] | None, typer.Option(help="a lineage labelled by the truth; repeat for each")] = None,
    shuffled: Annotated[
        list[str] | None, typer.Option(help="a lineage with the labels of other rows; repeat for each")
    ] = None,
) -> None:
    """How true the labels of each lineage are, what it gained, and which of them are better to learn from."""
    from viper.analysis.predictions import Predictions
    from viper.analysis.tables import score_benchmarks
    from viper.lineage import phase_of, split_control
    from viper.questions.ablation_labels import table
    from viper.questions.audits import read_audit

    sections = read_options(options)
    question, settings = sections.open_questions.ablation_labels, sections.analysis
    answers = Predictions.of(predictions, question.lineages)
    scores = score_benchmarks(answers, sections.evaluation.benchmarks, settings)
    phases = {phase_of(split_control(lineage)[0]) for lineage in question.lineages[1:]}
    audited = read_audit(audit, [table.MEASURES[phase] for phase in phases], answers.seeds)
    rows = table.summary(
        audited, scores, question.lineages, answers.seeds, by_truth=by_truth or (), shuffled=shuffled or ()
    )
    write_table(output, rows, float_format="%.4f")
    write_table(claims, table.claims(scores, question, settings), float_format="%.4f")


def figure_ablation_labels(
    table: Annotated[Path, typer.Argument(help="table that the command `ablation-labels` wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw what training gained against how many of its labels were true."""
    from viper.analysis.figures import style
    from viper.questions.ablation_labels import figure
    from viper.questions.ablation_labels import table as module

    rows = module.read_summary(table)
    style.use_style()
    write_figure(figure.draw(rows), output, figure.caption(rows, read_options(options).analysis.confidence), caption)

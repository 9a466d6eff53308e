"""Commands of the question of the objective."""

import json
from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(objectives_table)
    app.command()(figure_objectives)


def objectives_table(
    predictions: Annotated[list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv")],
    metrics: Annotated[list[Path], typer.Option(help="metrics/LINEAGE/seedN/train.csv of every phase; repeat")],
    regimes: Annotated[str, typer.Option(help="JSON: checkpoint → how its phase spends what it is given")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: score, gain and budget of each lineage")],
    curves: Annotated[Path, typer.Option(help="CSV to write: reward over compute, per seed")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers with their verdicts")],
) -> None:
    """What each way of training scores, what it took, and which choices matter."""
    import pandas as pd

    from viper.analysis.predictions import Predictions
    from viper.analysis.runs import by_run
    from viper.analysis.tables import score_benchmarks
    from viper.questions.objectives import budget
    from viper.questions.objectives import table as module

    sections = read_options(options)
    question, settings = sections.open_questions.objectives, sections.analysis
    answers = Predictions.of(predictions, question.lineages)
    scores = score_benchmarks(answers, sections.evaluation.benchmarks, settings)
    files = by_run(metrics)
    known = {name: budget.Regime(**fields) for name, fields in json.loads(regimes).items()}
    budgets = {
        (lineage, seed): budget.total(files, known, lineage, seed)
        for lineage in question.lineages[1:]
        for seed in answers.seeds
    }
    drawn = [
        budget.curve(files, known, lineage, seed, question.window)
        for lineage in question.curves
        for seed in answers.seeds
    ]
    over_compute = pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=budget.CURVES)
    rewards = budget.at_equal_compute(over_compute) if drawn else {}
    summary = module.summary(scores, question.lineages, budgets, rewards)
    write_table(table, summary, float_format="%.4f")
    write_table(curves, over_compute, float_format="%.6g")
    write_table(claims, module.claims(scores, question, summary, settings), float_format="%.4f")


def figure_objectives(
    table: Annotated[Path, typer.Argument(help="table that the command `objectives-table` wrote")],
    curves: Annotated[Path, typer.Argument(help="its rewards over compute")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw what each way of training gained, and the reward over compute."""
    from viper.analysis.figures import style
    from viper.questions.objectives import budget, figure
    from viper.questions.objectives import table as module

    rows = module.read_summary(table)
    drawn = rows.loc[rows["reward_at_equal_compute"].notna(), "lineage"]  # lineages without a curve have none
    over_compute = budget.read_curves(curves, list(drawn))
    style.use_style()
    told = figure.caption(rows, read_options(options).analysis.confidence)
    write_figure(figure.draw(rows, over_compute), output, told, caption)

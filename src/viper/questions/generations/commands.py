"""Commands of the question whether the loop goes on."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import write_table

if TYPE_CHECKING:
    from viper.questions.generations.diversity import Said
    from viper.questions.generations.measures import Value
    from viper.questions.generations.plan import Turn


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(generations_table)
    app.command()(figure_generations)


def generations_table(
    predictions: Annotated[
        list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv", metavar="PREDICTIONS")
    ],
    plan: Annotated[str, typer.Option(help="JSON: arm, generation, lineage and data of every generation")],
    options: Options,
    data: Annotated[list[Path], typer.Option(help="dataset/LINEAGE/seedN/NAME/train.parquet; repeat for each")],
    metrics: Annotated[list[Path], typer.Option(help="metrics/LINEAGE/seedN/train.csv; repeat for each")],
    output: Annotated[Path, typer.Option(help="CSV to write: every generation and measure, with intervals")],
    runs: Annotated[Path, typer.Option(help="CSV to write: the same with every seed")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the claims")],
    audit: Annotated[list[Path] | None, typer.Option(help="audit of one synthesis; repeat for each")] = None,
) -> None:
    """Measure every generation of every arm, and judge where the loop leads."""
    from viper.analysis.predictions import Predictions
    from viper.analysis.tables import score_benchmarks
    from viper.questions.generations import measures, table

    sections = read_options(options)
    turns = _turns(plan)
    lineages = list(dict.fromkeys(turn.lineage for turn in turns))
    answered = Predictions.of(predictions, lineages)
    scores = score_benchmarks(answered, sections.evaluation.benchmarks, sections.analysis)
    measured = measures.runs(
        turns,
        answered.runs,
        accuracy={lineage: measures.of_accuracy(scores, lineage) for lineage in lineages},
        data=_of_data(data, audit or [], sections.synthesis.operations.language),
        training=_of_training(metrics, sections.analysis.reward_window),
    )
    section = sections.open_questions.generations
    write_table(runs, measured, float_format="%.4f")
    write_table(output, table.summary(measured, scores, sections.analysis.confidence), float_format="%.4f")
    write_table(claims, table.claims(turns, measured, scores, section, sections.analysis), float_format="%.4f")


def figure_generations(
    table: Annotated[Path, typer.Argument(help="table that the command `generations-table` wrote")],
    claims: Annotated[Path, typer.Argument(help="its claims")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw every measure over the generations."""
    from viper.analysis.figures import style
    from viper.questions.generations import figure
    from viper.questions.generations.table import read_courses, read_summary

    rows = read_summary(table)
    judged = read_courses(claims, rows)
    style.use_style()
    told = figure.caption(rows, judged, read_options(options).analysis.confidence)
    write_figure(figure.draw(rows), output, told, caption)


def _turns(plan: str) -> "list[Turn]":
    """The plan that the rule wrote.

    Raises:
        ViperError: it is something else.
    """
    from pydantic import TypeAdapter, ValidationError

    from viper.questions.generations.plan import Turn

    try:
        return TypeAdapter(list[Turn]).validate_json(plan)
    except ValidationError as error:
        raise ViperError(
            f"--plan: {error.errors()[0]['msg']}: write arm, generation, lineage and data of each"
        ) from error


def _of_data(data: Sequence[Path], audits: Sequence[Path], language: str) -> "dict[tuple[str, int], list[Value]]":
    """Measures of every synthesis: (lineage, seed) → of its data sets, and by its audit where there is one."""
    from viper.questions.audits import read_audit
    from viper.questions.generations import measures

    said = _said(data, language)
    for (lineage, seed), each in said.items():
        if lacking := [name for name in measures.SETS if name not in each or not each[name].total]:
            raise ViperError(
                f"--data: {lineage} with seed {seed} has no statements in {', '.join(lacking)}: name both data sets"
            )
    drawn = {
        name: min(each[name].total for each in said.values()) for name in measures.SETS
    }  # the smallest data set sets the number at which all are compared
    measured = {run: measures.of_data(each, drawn) for run, each in said.items()}
    for path in audits:
        audited = read_audit(path, measures.AUDITED.values(), {seed for _, seed in said})
        for (lineage, seed), part in audited.groupby(["lineage", "seed"]):
            if (lineage, seed) not in measured:
                raise ViperError(f"{path}: audits {lineage}, whose data were not named: name them as --data")
            measured[lineage, int(seed)] += measures.of_audit(part)
    return measured


def _said(data: Sequence[Path], language: str) -> "dict[tuple[str, int], dict[str, Said]]":
    """What every data set says: (lineage, seed) → its name → statements."""
    from viper.analysis.runs import run
    from viper.questions.generations import diversity
    from viper.reading import read_parquet
    from viper.synthesis.heuristics import get_language

    by_name: dict[str, dict[tuple[str, int], Said]] = defaultdict(dict)
    for path in data:
        rows = read_parquet(path, ["ground_truth"])["ground_truth"]
        by_name[path.parent.name][run(path)] = diversity.read(rows, get_language(language))
    said = defaultdict(dict)
    for name, runs in by_name.items():
        for of_run, each in zip(runs, diversity.with_all_kinds(runs.values()), strict=True):
            said[of_run][name] = each
    return dict(said)


def _of_training(paths: Sequence[Path], window: int) -> "dict[tuple[str, int], list[Value]]":
    from viper.analysis.keyed import FINITE
    from viper.analysis.rewards import read_phase
    from viper.analysis.runs import by_run
    from viper.questions.generations import measures

    phases = {run: read_phase(path, {"reward": FINITE}) for run, path in by_run(paths).items()}
    return {run: measures.of_training(phase["reward"].tolist(), window) for run, phase in phases.items()}

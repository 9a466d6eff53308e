"""Commands of the question `skills`."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table

Lineage = Annotated[list[str], typer.Option(help="A lineage that is compared; the first is what others are held to.")]
Measured = Annotated[list[Path], typer.Argument(help="SOMEWHERE/LINEAGE/seedN/FILE.csv of every lineage and seed.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this question to the command line."""
    app.command()(draw_probes)
    app.command()(probe_skills)
    app.command()(skill_table)
    app.command()(figure_skills)


def draw_probes(
    benchmark: Annotated[str, typer.Argument(help="as which the probes are asked and scored, such as MicroStar")],
    options: Options,
    output: Annotated[Path, typer.Option(help="TSV to write, named after the benchmark")],
) -> None:
    """Draw the probes of all skills that one benchmark asks for."""
    from viper.questions.skills import world

    sections = read_options(options)
    asked = sections.open_questions.skills
    world.write(benchmark, asked.seed, asked.items, sections.evaluation.splits[asked.split].pictures, output)


def probe_skills(
    probes: Annotated[list[Path], typer.Argument(help="the probes, one TSV a benchmark")],
    checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checkpoint's folder")],
    lineage: Annotated[str, typer.Option(help="the checkpoint's; behind a +, how it is asked otherwise")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: one row a probe and contrast")],
) -> None:
    """Ask one checkpoint every probe at every contrast."""
    from viper.manifest import model_folder
    from viper.questions.skills.probe import measure

    sections = read_options(options)
    contrasts = sections.open_questions.skills.contrasts
    folder = model_folder(checkpoint)
    write_table(output, measure(folder, sections.models.vlm, sections.evaluation, lineage, contrasts, probes))


def skill_table(
    measured: Measured,
    lineage: Lineage,
    options: Options,
    changes: Annotated[Path, typer.Option(help="CSV to write: one row a skill and trained lineage")],
    curves: Annotated[Path, typer.Option(help="CSV to write: one row a skill, lineage and contrast")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the claims, with verdicts")],
) -> None:
    """How much training changes each skill, and the psychometric curves."""
    from viper.analysis.runs import by_run
    from viper.questions.skills import table, world

    sections = read_options(options)
    contrasts, chance = sorted(sections.open_questions.skills.contrasts), world.chance()
    tables = {run: table.read_measured(path, list(chance), contrasts) for run, path in by_run(measured).items()}
    answered = table.arrange(tables, lineage)
    rows = table.changes(table.score(answered, chance, lineage, sections.analysis), answered, lineage)
    fitted = table.curves(answered, contrasts, chance, lineage, sections.analysis)
    write_table(changes, rows, float_format="%.4f")
    write_table(curves, fitted, float_format="%.4f")
    write_table(claims, table.claims(rows), float_format="%.4f")


def figure_skills(
    changes: Annotated[Path, typer.Argument(help="table of changes that the command `skill-table` wrote")],
    curves: Annotated[Path, typer.Argument(help="its table of curves")],
    options: Options,
    forest: Output,
    forest_caption: Caption,
    panels: Output,
    panels_caption: Caption,
) -> None:
    """Draw what training changes of each skill, and the psychometric curves."""
    from viper.analysis.figures import style
    from viper.questions.skills import figure, table

    confidence = read_options(options).analysis.confidence
    changed = table.read_changes(changes)
    fitted = table.read_curves(curves, changed)
    style.use_style()
    write_figure(figure.draw_changes(changed), forest, figure.caption(changed, confidence), forest_caption)
    write_figure(figure.draw_curves(fitted), panels, figure.curves_caption(fitted, confidence), panels_caption)

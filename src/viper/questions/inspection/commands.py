"""Commands of the inspection: the page, what the truth says of it, agreement, tables and figure."""

from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import atomic_write, write_table

Steps = Annotated[
    list[str], typer.Option(metavar="LINEAGE=PATH", help="table of a step and shard, and whose it is; repeat for each")
]
Judgements = Annotated[list[Path], typer.Argument(help="CSV files that people saved from the page")]
Truth = Annotated[Path | None, typer.Option(help="inspection_truth.csv: what the drawn world says of the same parts")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(inspection_page)
    app.command()(inspection_agreement)
    app.command()(inspection_tables)
    app.command()(figure_inspection)


def inspection_page(
    table: Steps,
    options: Options,
    page: Annotated[Path, typer.Option(help="HTML page to write")],
    parts: Annotated[Path, typer.Option(help="CSV to write: what is judged on it")],
    truth: Annotated[list[Path] | None, typer.Option(help="what is in a shard of drawn images; repeat")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="manifest.json of the checker's folder")] = None,
    answers: Annotated[Path | None, typer.Option(help="CSV to write: the judgements of the truth")] = None,
) -> None:
    """Draw reconstructions, and write the page on which people judge them; and what the truth would say."""
    from viper.questions.inspection import items as module
    from viper.questions.inspection import truth as by_truth
    from viper.questions.inspection.page import page as write
    from viper.questions.inspection.table import blank

    section = read_options(options).open_questions.inspection
    runs = module.runs(table)
    items = module.draw(runs, section.pictures, section.seed)
    with atomic_write(page) as partial:
        partial.write_text(write(items, section.pixels), encoding="utf-8")
    write_table(parts, blank(items).reset_index())
    if answers:
        if checkpoint is None or not truth:
            raise ViperError("--answers asks for the truth's judgements: add --truth for each shard, and --checkpoint")
        write_table(answers, by_truth.judge(items, runs, truth, checkpoint).reset_index())


def inspection_agreement(
    judgements: Judgements,
    truth: Truth = None,
    output: Annotated[Path | None, typer.Option(help="CSV to write")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="level of the intervals")] = 0.95,
) -> None:
    """Cohen's kappa of two people's judgements, and of each with the truth of drawn pictures."""
    from viper.questions.inspection import agreement

    judged = _judged(judgements, truth)
    if len(judged.columns) < 2:
        raise ViperError("agreement takes two: name a second file of judgements, or --truth inspection_truth.csv")
    table = agreement.agreement(judged, confidence)
    for line in agreement.told(table):
        typer.echo(line)
    if output:
        write_table(output, table, float_format="%.4f")


def inspection_tables(
    options: Options,
    parts: Annotated[Path, typer.Option(help="CSV that inspection-page wrote: what is judged")],
    output: Annotated[Path, typer.Option(help="CSV to write: how often each judge says yes")],
    agreed: Annotated[Path, typer.Option(help="CSV to write: agreement")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers, each with its verdict")],
    judgement: Annotated[list[Path] | None, typer.Option(help="CSV that a person saved from the page; repeat")] = None,
    truth: Truth = None,
) -> None:
    """What people and the truth say of the inspected pictures, how far they agree, and the answers."""
    import pandas as pd

    from viper.analysis.keyed import keyed
    from viper.questions.answers import table as claims_table
    from viper.questions.inspection import agreement, table
    from viper.questions.inspection.items import KEY
    from viper.reading import read_table

    sections = read_options(options)
    settings = sections.analysis
    asked = keyed(read_table(parts, needed=KEY), parts, KEY)
    judged, found = None, None
    shares = pd.DataFrame(columns=table.SHARES)
    kappas = pd.DataFrame(columns=agreement.AGREEMENT)
    if judgement or truth:
        judged = _judged(judgement or [], truth)
        of_page = asked.set_index(KEY).assign(judgement="")
        agreement.same_page(
            {"the page of this run": of_page}
            | {str(judged.columns[0]): judged.iloc[:, :1].set_axis(["judgement"], axis=1)}
        )
        shares = table.shares(judged, settings.confidence)
        kappas = found = agreement.agreement(judged, settings.confidence)
    write_table(output, shares, float_format="%.4f")
    write_table(agreed, kappas, float_format="%.4f")
    rows = table.claims(
        list(dict.fromkeys(asked["lineage"])), judged, found, sections.open_questions.inspection.kappa, settings
    )
    write_table(claims, claims_table(rows), float_format="%.4f")


def figure_inspection(
    shares: Annotated[Path, typer.Argument(help="table that inspection-tables wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw how often refinements match what differs."""
    from viper.analysis.figures import style
    from viper.questions.inspection import figure, table

    confidence = read_options(options).analysis.confidence
    rows = table.read_shares(shares)
    style.use_style()
    write_figure(figure.draw(rows), output, figure.caption(rows, confidence), caption)


def _judged(judgements: list[Path], truth: Path | None):
    """The judgements of people, and those of the truth where it is known, as columns of one table.

    Raises:
        ViperError: a file cannot be read, or is another's copy; or they are of different pages.
    """
    from viper.questions.inspection import agreement

    names = agreement.names(judgements)
    if twice := [name for name in names if names.count(name) > 1]:
        raise ViperError(f"{twice[0]}: is named twice: name the files of two people")
    tables = {name: agreement.read_judgements(path) for name, path in zip(names, judgements, strict=True)}
    tables |= {agreement.TRUTH: agreement.read_judgements(truth)} if truth else {}
    if not tables:
        raise ViperError("no judgements: name CSV files that people saved from the page, or --truth")
    agreement.check_apart(tables)
    return agreement.same_page(tables)

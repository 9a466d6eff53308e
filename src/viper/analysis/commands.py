"""Commands of the analysis: tables, claims, curves and word counts from what the runs wrote; pages; run times."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.analysis.figures import commands as figure_commands
from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import atomic_write, write_table

if TYPE_CHECKING:
    import pandas as pd

PredictionFiles = Annotated[
    list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv", metavar="PREDICTIONS")
]
Lineages = Annotated[
    list[str], typer.Option("--lineage", help="a lineage to compare with the first; repeat the option")
]
StepTable = Annotated[Path, typer.Option(help="table that this step made of the same shard")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(tables)
    app.command("claims")(claims_command)
    app.command()(reward_curves)
    app.command()(attention_table)
    app.command()(word_table)
    app.command()(loop_examples)
    app.command()(scores)
    app.command()(table_pages)
    figure_commands.register(app)


def tables(
    predictions: PredictionFiles,
    lineage: Lineages,
    options: Options,
    title: Annotated[str, typer.Option(help="heading of the Markdown tables")],
    main: Annotated[Path, typer.Option(help="CSV to write, one row per lineage and benchmark")],
    main_page: Annotated[Path, typer.Option(help="the same in Markdown")],
    subdomains: Annotated[Path, typer.Option(help="CSV to write, per MMStar sub-domain")],
    subdomains_page: Annotated[Path, typer.Option(help="the same in Markdown")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the claims that these lineages can be judged by")],
) -> None:
    """Scores per benchmark and sub-domain, with intervals, differences between lineages and published figures."""
    from viper.analysis import tables as module
    from viper.analysis.benchmark_names import drawn_names, heading, own_names, own_names_in_claims
    from viper.analysis.predictions import Predictions
    from viper.analysis.verdicts import judge_all

    sections = read_options(options)
    settings, names = sections.analysis, sections.evaluation.benchmarks
    drawn = drawn_names(sections.evaluation)
    answers = Predictions.of(predictions, lineage)
    benchmark_scores = module.score_benchmarks(answers, names, settings)
    subdomain_scores = module.score_subdomains(answers, names["MMStar"], settings)
    scored = {"benchmarks": benchmark_scores, "subdomains": subdomain_scores}
    scored["guessed"] = module.score_benchmarks(answers, names, settings, guessed=True)
    judged = judge_all(scored, lineage, settings, all_of_them=False)  # before anything is written: it may stop
    for path, page, scores, what in (
        (main, main_page, benchmark_scores, "benchmarks"),
        (
            subdomains,
            subdomains_page,
            subdomain_scores,
            f"sub-domains of {heading(names['MMStar'], 'MMStar' if drawn else '')}",
        ),
    ):
        table = own_names(module.tidy(scores, lineage, len(answers.runs)), drawn)
        _write_csv(table, path)
        _write_text(module.markdown(table, f"{title}: {what}", settings), page)
    _write_csv(own_names_in_claims(judged, drawn), claims)


def claims_command(
    predictions: PredictionFiles,
    lineage: Lineages,
    options: Options,
    scale: Annotated[str, typer.Option(help="name of the scale, for the heading of the page")],
    output: Annotated[Path, typer.Option(help="CSV to write")],
    page: Annotated[Path, typer.Option(help="Markdown page to write")],
    attention: Annotated[list[Path] | None, typer.Option(help="attention/LINEAGE/seedN.parquet; repeat")] = None,
    attention_lineage: Annotated[list[str] | None, typer.Option(help="a lineage whose attention was measured")] = None,
) -> None:
    """Judge all claims of the paper: published, measured, interval, verdict; also those that nothing here measures."""
    from viper.analysis import attention_table, claims_page
    from viper.analysis import tables as module
    from viper.analysis.benchmark_names import drawn_names, own_names_in_claims
    from viper.analysis.predictions import Predictions
    from viper.analysis.verdicts import judge_all

    sections = read_options(options)
    settings, names = sections.analysis, sections.evaluation.benchmarks
    answers = Predictions.of(predictions, lineage)
    scored = {
        "benchmarks": module.score_benchmarks(answers, names, settings),
        "guessed": module.score_benchmarks(answers, names, settings, guessed=True),
        "subdomains": module.score_subdomains(answers, names["MMStar"], settings),
    }
    if attention_lineage:
        shares = attention_table.read(attention or [], attention_lineage)
        scored["attention"] = attention_table.score(shares, attention_lineage, settings)
    judged = judge_all(scored, lineage, settings, all_of_them=True)
    judged = own_names_in_claims(judged, drawn_names(sections.evaluation))
    _write_csv(judged, output)
    _write_text(claims_page.page(judged, scale, settings), page)


def reward_curves(
    metrics: Annotated[list[Path], typer.Argument(help="metrics/LINEAGE/seedN/train.csv")],
    lineage: Lineages,
    options: Options,
    curves: Annotated[Path, typer.Option(help="CSV to write: reward by lineage and step, over seeds")],
    crossings: Annotated[Path, typer.Option(help="CSV to write: where the first lineage overtakes each other one")],
) -> None:
    """Reward curves of training, the phases of each lineage laid end to end, and where they cross."""
    from viper.analysis import rewards

    runs = rewards.read(metrics, lineage, read_options(options).analysis.reward_window)
    crossed = rewards.crossings(runs)
    _write_csv(rewards.over_seeds(runs), curves)
    _write_csv(crossed, crossings)


def attention_table(
    attention: Annotated[list[Path], typer.Argument(help="attention/LINEAGE/seedN.parquet")],
    lineage: Lineages,
    held_out: Annotated[Path, typer.Option(help="vop/test.parquet of the first seed, whose pairs are drawn")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: share inside the changed region by lineage and method")],
    pairs: Annotated[Path, typer.Option(help="CSV to write: the same for every pair")],
    maps: Annotated[Path, typer.Option(help="Parquet file to write: maps and pictures for the figure")],
    drawn: Annotated[int, typer.Option(min=1, help="pairs whose maps are drawn")] = 2,
) -> None:
    """Attention inside the changed region, with intervals over pairs and seeds."""
    from viper.analysis import attention_table as module
    from viper.layout import seed_of

    measured = module.read(attention, lineage)
    scores = module.score(measured, lineage, read_options(options).analysis)
    shown = module.maps(measured, held_out, seed_of(str(held_out)), drawn)
    _write_csv(module.tidy(measured, scores, lineage), table)
    columns = ["lineage", "seed", "id", "method", "share", "area", "statement"]
    _write_csv(measured[columns], pairs)
    with atomic_write(maps) as partial:
        shown.to_parquet(partial, index=False)


def word_table(
    predictions: PredictionFiles,
    before: Annotated[str, typer.Option(help="lineage before training")],
    after: Annotated[str, typer.Option(help="lineage after it")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Which words a model reasons with more, or less, than before: log-odds with a prior, and counts."""
    from viper.analysis.predictions import Predictions
    from viper.analysis.words import compare, read_reasoning

    names = list(read_options(options).evaluation.benchmarks.values())
    answers = Predictions.of(predictions, [before, after])
    texts = [read_reasoning(answers, lineage, names) for lineage in (before, after)]
    _write_csv(compare(*texts), output)


def table_pages(
    tables: Annotated[list[Path], typer.Argument(help="CSV files")],
    page: Annotated[list[Path], typer.Option(help="page to write for each table, in their order; repeat the option")],
) -> None:
    """Write tables as pages for the workflow report. Nothing in a cell becomes markup, whoever wrote it."""
    from viper.analysis import pages

    if len(tables) != len(page):
        raise ViperError(f"{len(tables)} tables and {len(page)} pages: name one page for each table")
    for table, output in zip(tables, page, strict=True):
        _write_text(pages.page(table), output)


def loop_examples(
    images: Annotated[Path, typer.Argument(help="table of seed images: one shard")],
    captions: StepTable,
    reconstructions: StepTable,
    critiques: StepTable,
    operations: StepTable,
    edits: StepTable,
    output: Annotated[Path, typer.Option(help="Parquet table to write")],
    count: Annotated[int, typer.Option(min=1, help="seed images to show")] = 3,
) -> None:
    """Pick the seed images that show one turn of the loop, with what each step made of them."""
    from viper.analysis.figures import loop_examples as module

    tables = {"captions": captions, "reconstructions": reconstructions, "critiques": critiques}
    tables |= {"operations": operations, "edits": edits}
    module.write_examples(output, module.collect(images, tables, count))


def scores(
    table: Annotated[Path, typer.Argument(help="tidy table that the command `tables` wrote")],
    output: Annotated[Path, typer.Option(help="JSON to write")],
) -> None:
    """The main table as nested JSON, lineage → column → score and interval: what `dvc metrics` compares."""
    from viper.analysis.tables import read_tidy

    rows = read_tidy(table)
    summary: dict[str, dict] = {}
    for row in rows.itertuples():
        summary.setdefault(row.lineage, {})[row.column] = {"score": row.score, "low": row.low, "high": row.high}
    with atomic_write(output) as partial:
        partial.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write numbers with four decimals: finer than any interval, and the same bytes wherever they are rounded from."""
    write_table(path, table, float_format="%.4f")


def _write_text(text: str, path: Path) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")

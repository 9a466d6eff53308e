"""Commands of the analysis: tables, claims, curves and word counts from what the runs wrote; pages; run times."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.analysis.figures import commands as figure_commands
from viper.config.options import Options, read_options
from viper.files import atomic_write, write_table

if TYPE_CHECKING:
    import pandas as pd

Predictions = Annotated[Path, typer.Option(help="folder with [seedK/]LINEAGE/SPLIT/NAME.tsv")]
Lineages = Annotated[
    list[str], typer.Option("--lineage", help="a lineage to compare with the first; repeat the option")
]
RunSeeds = Annotated[list[int], typer.Option("--seed", help="a run seed; give it once for each")]
Attention = Annotated[Path, typer.Option(help="folder with seedK/LINEAGE.parquet")]


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
    app.command()(timings)
    figure_commands.register(app)


def tables(
    predictions: Predictions,
    lineage: Lineages,
    seed: RunSeeds,
    options: Options,
    title: Annotated[str, typer.Option(help="heading of the Markdown tables")],
    main: Annotated[Path, typer.Option(help="CSV to write, one row per lineage and benchmark; .md beside it")],
    subdomains: Annotated[Path, typer.Option(help="CSV to write, per MMStar sub-domain; .md beside it")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the claims that these lineages can be judged by")],
) -> None:
    """Scores per benchmark and sub-domain, with intervals, differences to the first lineage and published figures."""
    from viper.analysis import tables as module
    from viper.analysis.claims import judge_all

    sections = read_options(options)
    settings, names = sections.analysis, sections.evaluation.benchmarks
    benchmark_scores = module.score_benchmarks(predictions, names, lineage, seed, settings)
    subdomain_scores = module.score_subdomains(predictions, names["MMStar"], lineage, seed, settings)
    for path, (scores, counts), what in (
        (main, benchmark_scores, "benchmarks"),
        (subdomains, subdomain_scores, "sub-domains of MMStar"),
    ):
        table = module.tidy(scores, counts, lineage, len(seed))
        _write_csv(table, path)
        _write_text(module.markdown(table, f"{title}: {what}", settings.confidence), path.with_suffix(".md"))
    scored = {"benchmarks": benchmark_scores[0], "subdomains": subdomain_scores[0]}
    _write_csv(judge_all(scored, lineage, settings.margin, all_of_them=False), claims)


def claims_command(
    predictions: Predictions,
    attention: Attention,
    lineage: Lineages,
    seed: RunSeeds,
    options: Options,
    scale: Annotated[str, typer.Option(help="name of the scale, for the heading of the page")],
    output: Annotated[Path, typer.Option(help="CSV to write; the page, .md, beside it")],
    attention_lineage: Annotated[list[str] | None, typer.Option(help="a lineage whose attention was measured")] = None,
) -> None:
    """Judge all claims of the paper: published, measured, interval, verdict; also those that nothing here measures."""
    from viper.analysis import attention_table
    from viper.analysis import tables as module
    from viper.analysis.claims import judge_all, page

    sections = read_options(options)
    settings, names = sections.analysis, sections.evaluation.benchmarks
    scored = {
        "benchmarks": module.score_benchmarks(predictions, names, lineage, seed, settings)[0],
        "subdomains": module.score_subdomains(predictions, names["MMStar"], lineage, seed, settings)[0],
    }
    if attention_lineage:
        shares = attention_table.read(attention, attention_lineage, seed)
        scored["attention"] = attention_table.score(shares, attention_lineage, settings)
    claims = judge_all(scored, lineage, settings.margin, all_of_them=True)
    _write_csv(claims, output)
    _write_text(page(claims, scale, settings.confidence), output.with_suffix(".md"))


def reward_curves(
    metrics: Annotated[Path, typer.Option(help="folder with seedK/LINEAGE/train.csv")],
    lineage: Lineages,
    seed: RunSeeds,
    options: Options,
    curves: Annotated[Path, typer.Option(help="CSV to write: reward by lineage and step, over run seeds")],
    crossings: Annotated[Path, typer.Option(help="CSV to write: where the first lineage overtakes each other one")],
) -> None:
    """Reward curves of training, the phases of each lineage laid end to end, and where they cross."""
    from viper.analysis import rewards

    runs = rewards.read(metrics, lineage, seed, read_options(options).analysis.reward_window)
    _write_csv(rewards.over_seeds(runs), curves)
    _write_csv(rewards.crossings(runs), crossings)


def attention_table(
    attention: Attention,
    lineage: Lineages,
    seed: RunSeeds,
    held_out: Annotated[Path, typer.Option(help="vop/test.parquet of the first run seed, whose pairs are drawn")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: share inside the changed region by lineage and method")],
    pairs: Annotated[Path, typer.Option(help="CSV to write: the same for every pair")],
    maps: Annotated[Path, typer.Option(help="Parquet file to write: maps and pictures for the figure")],
    drawn: Annotated[int, typer.Option(min=1, help="pairs whose maps are drawn")] = 2,
) -> None:
    """Attention inside the changed region, with intervals over pairs and run seeds."""
    from viper.analysis import attention_table as module

    measured = module.read(attention, lineage, seed)
    scores = module.score(measured, lineage, read_options(options).analysis)
    _write_csv(module.tidy(measured, scores, lineage), table)
    columns = ["lineage", "seed", "id", "method", "share", "area", "in_answer", "answer"]
    _write_csv(measured[columns], pairs)
    with atomic_write(maps) as partial:
        module.maps(measured, held_out, seed[0], drawn).to_parquet(partial, index=False)


def word_table(
    predictions: Predictions,
    before: Annotated[str, typer.Option(help="lineage before training")],
    after: Annotated[str, typer.Option(help="lineage after it")],
    seed: RunSeeds,
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Which words a model reasons with more, or less, than before: log-odds with a prior, and counts."""
    from viper.analysis.words import compare, read_reasoning

    sections = read_options(options)
    split, names = sections.analysis.split, list(sections.evaluation.benchmarks.values())
    texts = [read_reasoning(predictions, lineage, seed, split, names) for lineage in (before, after)]
    _write_csv(compare(*texts), output)


def table_pages(
    tables: Annotated[list[Path], typer.Argument(help="CSV files")],
    folder: Annotated[Path, typer.Option(help="folder for the pages, one .html a table")],
) -> None:
    """Write tables as pages for the workflow report. Nothing in a cell becomes markup, whoever wrote it."""
    from viper.analysis.pages import page

    for path in tables:
        _write_text(page(path), folder / f"{path.stem}.html")


def loop_examples(
    synthesis: Annotated[Path, typer.Option(help="folder of a lineage's synthesis steps")],
    seeds: Annotated[Path, typer.Option(help="table of seed images; its name says which shard")],
    output: Annotated[Path, typer.Option(help="Parquet table to write")],
    count: Annotated[int, typer.Option(min=1, help="seed images to show")] = 3,
) -> None:
    """Pick the seed images that show one turn of the loop, with what each step made of them."""
    from viper.analysis.figures import loop_examples as module

    module.write_examples(output, module.collect(synthesis, seeds, count))


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
        partial.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def timings(
    folder: Annotated[Path, typer.Argument(help="benchmark files of one scale")],
    logs: Annotated[Path, typer.Option(help="logs of the same scale, which say how long each process took to start")],
    output: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Seconds, start-up and peak memory of every job, from the files of Snakemake's `benchmark:` and the logs."""
    from viper.analysis.timings import collect

    _write_csv(collect(folder, logs), output)


def _write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write numbers with four decimals: finer than any interval, and the same bytes wherever they are rounded from."""
    write_table(path, table, float_format="%.4f")


def _write_text(text: str, path: Path) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")

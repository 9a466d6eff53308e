"""Commands of the analysis: tables and claims from predictions, figures from tables, run times from benchmark files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.config.options import read_options
from viper.errors import ViperError
from viper.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd

Predictions = Annotated[Path, typer.Option(help="folder with [seedK/]LINEAGE/SPLIT/NAME.tsv")]
Lineages = Annotated[list[str], typer.Option("--lineage", help="a lineage to compare; give it once for each")]
RunSeeds = Annotated[list[int], typer.Option("--seed", help="a run seed; give it once for each")]
Benchmarks = Annotated[str, typer.Option(help="JSON object: the paper's name of a benchmark → name of its file")]
Options = Annotated[str, typer.Option(help="section `analysis` of params.yaml as JSON")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(tables)
    app.command("claims")(claims_command)
    app.command("figure")(figure_command)
    app.command("loop-figure")(loop_figure_command)
    app.command()(timings)


def tables(
    predictions: Predictions,
    lineage: Lineages,
    seed: RunSeeds,
    benchmarks: Benchmarks,
    options: Options,
    title: Annotated[str, typer.Option(help="heading of the Markdown tables")],
    main: Annotated[Path, typer.Option(help="CSV to write, one row per lineage and benchmark; .md beside it")],
    subdomains: Annotated[Path, typer.Option(help="CSV to write, per MMStar sub-domain; .md beside it")],
) -> None:
    """Scores per benchmark and sub-domain, with intervals, differences to base and published figures."""
    from viper.analysis import tables as module
    from viper.config.analysis import Analysis

    settings, names = read_options(Analysis, options), _names(benchmarks)
    scored = {
        main: module.score_benchmarks(predictions, names, lineage, seed, settings),
        subdomains: module.score_subdomains(predictions, names["MMStar"], lineage, seed, settings),
    }
    for path, (scores, counts) in scored.items():
        table = module.tidy(scores, counts, lineage, len(seed))
        heading = f"{title}: {'benchmarks' if path == main else 'sub-domains of MMStar'}"
        _write_csv(table, path)
        with atomic_write(path.with_suffix(".md")) as partial:
            partial.write_text(module.markdown(table, heading, settings.confidence), encoding="utf-8")


def claims_command(
    predictions: Predictions,
    lineage: Lineages,
    seed: RunSeeds,
    benchmarks: Benchmarks,
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Judge the paper's claims: published, measured, interval, verdict."""
    from viper.analysis import tables as module
    from viper.config.analysis import Analysis

    settings, names = read_options(Analysis, options), _names(benchmarks)
    scores, _ = module.score_benchmarks(predictions, names, lineage, seed, settings)
    domains, _ = module.score_subdomains(predictions, names["MMStar"], lineage, seed, settings)
    _write_csv(module.claims(scores, domains, lineage), output)


def figure_command(
    table: Annotated[Path, typer.Argument(help="tidy table that the command `tables` wrote")],
    options: Options,
    output: Annotated[list[Path], typer.Option(help="picture to write, .png, .svg or .pdf; give it once for each")],
    caption: Annotated[Path, typer.Option(help="caption to write, .rst")],
) -> None:
    """Draw the main figure from its table."""
    import pandas as pd

    from viper.analysis import figures
    from viper.config.analysis import Analysis

    settings, rows = read_options(Analysis, options), pd.read_csv(table)
    figures.use_style()
    figure = figures.main_figure(rows, settings.published_model)
    for path in output:
        figures.save(figure, path)
    with atomic_write(caption) as partial:
        partial.write_text(figures.caption(rows, settings.confidence), encoding="utf-8")


def timings(
    folder: Annotated[Path, typer.Argument(help="benchmark files of one scale")],
    output: Annotated[Path, typer.Option(help="CSV to write")],
) -> None:
    """Seconds and peak memory of every job, from the files of Snakemake's `benchmark:`."""
    from viper.analysis.timings import collect

    _write_csv(collect(folder), output)


def _names(benchmarks: str) -> dict[str, str]:
    names = json.loads(benchmarks)
    if "MMStar" not in names:
        raise ViperError(f"--benchmarks lacks MMStar, whose sub-domains are a table: it names {', '.join(names)}")
    return names


def _write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Write numbers with four decimals: finer than any interval, and the same bytes wherever they are rounded from."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, float_format="%.4f")


def loop_figure_command(
    synthesis: Annotated[Path, typer.Option(help="folder of a lineage's synthesis steps")],
    seeds: Annotated[Path, typer.Option(help="table of seed images; its name says which shard")],
    output: Annotated[list[Path], typer.Option(help="picture to write (.png, .svg, .pdf); may be given several times")],
    caption: Annotated[Path, typer.Option(help="caption to write, reStructuredText")],
    count: Annotated[int, typer.Option(min=1, help="seed images to show")] = 3,
) -> None:
    """Draw one turn of the loop in real pictures."""
    from viper.analysis import figures, loop_figure

    figures.use_style()
    drawn = loop_figure.loop_figure(loop_figure.collect(synthesis, seeds, count))
    for path in output:
        figures.save(drawn, path)
    with atomic_write(caption) as partial:
        partial.write_text(loop_figure.CAPTION.format(count=count), encoding="utf-8")

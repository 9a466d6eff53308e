"""Commands of the figures: each reads tables, and writes pictures and the caption that the report shows."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options


class ScoreFigure(StrEnum):
    """Figures that a table of scores can be drawn as."""

    MAIN = "main"
    SUBDOMAIN_BARS = "subdomain-bars"
    RADAR = "radar"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(figure_scores)
    app.command()(figure_rewards)
    app.command()(figure_attention)
    app.command()(figure_words)
    app.command()(figure_loop)


def figure_scores(
    kind: Annotated[ScoreFigure, typer.Argument(help="how to draw it")],
    table: Annotated[Path, typer.Argument(help="tidy table that the command `tables` wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw a table of scores: the main figure, grouped bars, or a radar."""
    from viper.analysis.figures import main, radar, style, subdomain_bars
    from viper.analysis.tables import read_tidy

    settings, rows = read_options(options).analysis, read_tidy(table)
    module = {ScoreFigure.MAIN: main, ScoreFigure.SUBDOMAIN_BARS: subdomain_bars, ScoreFigure.RADAR: radar}[kind]
    style.use_style()
    drawn = module.draw(rows, settings.published_model)
    write_figure(drawn, output, module.caption(rows, settings.confidence), caption)


def figure_rewards(
    curves: Annotated[Path, typer.Argument(help="table of curves that the command `reward-curves` wrote")],
    crossings: Annotated[Path, typer.Argument(help="its table of crossings")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw reward curves over steps."""
    from viper.analysis import rewards
    from viper.analysis.figures import reward_curves, style

    lines = rewards.read_curves(curves)
    crossed = rewards.read_crossings(crossings, lines)
    style.use_style()
    text = reward_curves.caption(lines, crossed, read_options(options).analysis.reward_window)
    write_figure(reward_curves.draw(lines, crossed), output, text, caption)


def figure_attention(
    table: Annotated[Path, typer.Argument(help="table of shares that the command `attention-table` wrote")],
    maps: Annotated[Path, typer.Argument(help="its Parquet file of maps")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw attention over pictures, and its share inside the changed region."""
    from viper.analysis import attention_table
    from viper.analysis.figures import attention_maps, style

    shares = attention_table.read_tidy(table)
    shown = attention_table.read_maps(maps, shares)
    style.use_style()
    told = attention_maps.caption(shown, shares, read_options(options).analysis.confidence)
    write_figure(attention_maps.draw(shown, shares), output, told, caption)


def figure_words(
    table: Annotated[Path, typer.Argument(help="table of words that the command `word-table` wrote")],
    before: Annotated[str, typer.Option(help="lineage before training")],
    after: Annotated[str, typer.Option(help="lineage after it")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw the cloud of the words that were gained."""
    from viper.analysis.figures import style, word_cloud
    from viper.analysis.words import read_compared

    words = read_compared(table)
    style.use_style()
    drawn = word_cloud.draw(words, after, read_options(options).analysis.seed)
    write_figure(drawn, output, word_cloud.caption(words, before, after), caption)


def figure_loop(
    examples: Annotated[Path, typer.Argument(help="table that the command `loop-examples` wrote")],
    output: Output,
    caption: Caption,
) -> None:
    """Draw one turn of the loop in real pictures."""
    from viper.analysis.figures import loop_examples, style

    style.use_style()
    rows = loop_examples.read_examples(examples)
    write_figure(loop_examples.draw(rows), output, loop_examples.caption(rows), caption)

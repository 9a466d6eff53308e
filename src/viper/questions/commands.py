"""Commands of the open questions; each question adds its own."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options
from viper.files import atomic_write, write_table


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    from viper.questions.reward_audit.commands import register as register_reward_audit

    app.command()(open_questions)
    register_reward_audit(app)


def open_questions(
    claims: Annotated[list[Path], typer.Argument(help="QUESTION/QUESTION_claims.csv of every question that is asked")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: the claims of all of them")],
    page: Annotated[Path, typer.Option(help="Markdown page to write: a sentence for each, and the numbers")],
) -> None:
    """Gather the answers to all open questions in one table and one page."""
    import pandas as pd

    from viper.questions import answers
    from viper.reading import read_table

    numbers = ["measured", "low", "high", "margin", "reachable"]
    tables = [read_table(path, needed=answers.COLUMNS, numbers=numbers) for path in claims]
    gathered = pd.concat(tables, ignore_index=True)[answers.COLUMNS]
    write_table(gathered, output, float_format="%.4f")
    with atomic_write(page) as partial:
        partial.write_text(answers.page(gathered, read_options(options).analysis.confidence), encoding="utf-8")

"""Commands of the open questions; each question adds its own."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import atomic_write, write_table
from viper.questions.ablation_labels import commands as ablation_labels
from viper.questions.diffusion_errors import commands as diffusion_errors
from viper.questions.families import commands as families
from viper.questions.generations import commands as generations
from viper.questions.inspection import commands as inspection
from viper.questions.needle import commands as needle
from viper.questions.objectives import commands as objectives
from viper.questions.painter_fidelity import commands as painter_fidelity
from viper.questions.skills import commands as skills


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    from viper.questions.reward_audit.commands import register as register_reward_audit

    app.command()(open_questions)
    ablation_labels.register(app)
    diffusion_errors.register(app)
    inspection.register(app)
    skills.register(app)
    needle.register(app)
    generations.register(app)
    painter_fidelity.register(app)
    objectives.register(app)
    families.register(app)
    register_reward_audit(app)


def open_questions(
    claims: Annotated[list[Path], typer.Argument(help="QUESTION/QUESTION_claims.csv of every question that is asked")],
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: the claims of all of them")],
    page: Annotated[Path, typer.Option(help="Markdown page to write: a sentence for each, and the numbers")],
) -> None:
    """Gather the answers to all open questions in one table and one page."""
    from viper.questions import answers

    if output == page:
        raise ViperError(f"{output}: given as --output and as --page: name a file for each")
    gathered = answers.gather(claims)
    write_table(output, gathered, float_format="%.4f")
    with atomic_write(page) as partial:
        partial.write_text(answers.page(gathered, read_options(options).analysis.confidence), encoding="utf-8")

"""Commands of the speed measurements, called by rules/bench.smk."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import read_options

Models = Annotated[str, typer.Option(help="JSON: the section models")]
SynthesisSection = Annotated[str, typer.Option("--synthesis", help="JSON: the section synthesis")]
Threads = Annotated[int, typer.Option(help="CPU threads", min=1)]


class What(StrEnum):
    """What can be compared."""

    grpo = "grpo"
    reward = "reward"
    synthesis = "synthesis"
    evaluation = "evaluation"


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def measure_speed(
        what: What,
        models: Models,
        synthesis: SynthesisSection,
        reward: Annotated[str, typer.Option(help="JSON: the section reward")],
        evaluation: Annotated[str, typer.Option(help="JSON: the section evaluation")],
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        rounds: Annotated[int, typer.Option(help="times that both ways are timed", min=1)] = 5,
        threads: Threads = 2,
    ) -> None:
        """Time a step of the experiment against the plain way of doing it, both in turns."""
        import torch

        from viper.bench.alternate import measure, table
        from viper.bench.floor import matrix_rate
        from viper.files import atomic_write

        torch.set_num_threads(threads)
        rate = matrix_rate()
        if what is What.grpo:
            from viper.bench import grpo

            found = grpo.comparisons(Path(_models(models).vlm.path), rate)
        elif what is What.reward:
            from viper.bench.reward import comparisons
            from viper.config.reward import Reward

            found = comparisons(read_options(Reward, reward, "--reward"), _models(models).vlm, rate)
        elif what is What.synthesis:
            from viper.bench.synthesis import comparisons

            found = comparisons(_loop(models, synthesis), rate)
        else:
            from viper.bench.evaluation import comparisons
            from viper.config.evaluation import Evaluation

            section = read_options(Evaluation, evaluation, "--evaluation")
            found = comparisons(_models(models).vlm, section.asking, section.splits["dev"], rate)
        rows = table([measure(comparison, rounds) for comparison in found])
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def loop_once(models: Models, synthesis: SynthesisSection, images: int, threads: Threads = 2) -> None:
        """Run the loop on so many seed images; print seconds and peak memory as JSON."""
        import json

        import torch

        from viper.bench.size import run_once

        torch.set_num_threads(threads)
        typer.echo(json.dumps(run_once(_loop(models, synthesis), images)))

    @app.command()
    def measure_size(
        models: Models,
        synthesis: SynthesisSection,
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        threads: Threads = 2,
    ) -> None:
        """Time the loop on 1, 2, 4 and 8 times the seed images."""
        from viper.bench.size import against_size
        from viper.files import atomic_write

        command = ["-m", "viper", "loop-once", "--models", models, "--synthesis", synthesis, "--threads", str(threads)]
        rows = against_size(command)
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def plot_speed(
        tables: Annotated[list[Path], typer.Argument(help="tables of measure-speed")],
        output: Annotated[list[Path], typer.Option(help="figure to write (.png, .svg, .pdf); repeat for several")],
        caption: Annotated[Path, typer.Option(help="caption to write, reStructuredText")],
    ) -> None:
        """Draw how many times as fast each step is, with the spread and what was aimed for."""
        import pandas as pd

        from viper.analysis.figures import speed, style
        from viper.bench.alternate import COLUMNS, NUMBERS
        from viper.files import atomic_write
        from viper.reading import read_table

        style.use_style()
        read = [read_table(path, needed=COLUMNS, numbers=NUMBERS) for path in tables]
        figure = speed.draw(pd.concat(read, ignore_index=True))
        for path in output:
            style.save(figure, path)
        with atomic_write(caption) as partial:
            partial.write_text(speed.CAPTION, encoding="utf-8")


def _models(text: str):
    from viper.config.models import Models as Section

    return read_options(Section, text, "--models")


def _loop(models: str, synthesis: str):
    from viper.bench.synthesis import Loop
    from viper.config.synthesis import Synthesis

    parts = _models(models)
    return Loop(parts.vlm, parts.painter, parts.editor, read_options(Synthesis, synthesis, "--synthesis"))

"""Commands of the speed measurements, called by rules/bench.smk."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options

Threads = Annotated[int, typer.Option(help="CPU threads", min=1)]


class What(StrEnum):
    """What can be compared."""

    grpo = "grpo"
    preparing = "preparing"
    reward = "reward"
    synthesis = "synthesis"
    evaluation = "evaluation"


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def measure_speed(
        what: What,
        options: Options,
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        rounds: Annotated[int, typer.Option(help="times that both ways are timed", min=1)] = 5,
        threads: Threads = 2,
    ) -> None:
        """Time a step of the experiment against the plain way of doing it, both in turns."""
        import torch

        from viper.bench.alternate import measure, table
        from viper.bench.floor import matrix_rate
        from viper.files import atomic_write

        sections = read_options(options)
        torch.set_num_threads(threads)
        rate = matrix_rate()
        if what is What.grpo:
            from viper.bench import grpo

            found = grpo.comparisons(Path(sections.models.vlm.path), rate)
        elif what is What.preparing:
            from viper.bench.preparing import comparisons

            found = comparisons()
        elif what is What.reward:
            from viper.bench.reward import comparisons

            found = comparisons(sections.reward, sections.models.vlm, rate)
        elif what is What.synthesis:
            from viper.bench.synthesis import comparisons

            found = comparisons(_loop(sections), rate)
        else:
            from viper.bench.evaluation import comparisons

            evaluation = sections.evaluation
            found = comparisons(sections.models.vlm, evaluation.asking, evaluation.splits["dev"], rate)
        rows = table([measure(comparison, rounds) for comparison in found])
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def loop_once(options: Options, images: int, threads: Threads = 2) -> None:
        """Run the loop on so many seed images; print seconds and peak memory as JSON."""
        import json

        import torch

        from viper.bench.size import run_once

        torch.set_num_threads(threads)
        typer.echo(json.dumps(run_once(_loop(read_options(options)), images)))

    @app.command()
    def measure_size(
        options: Options,
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        threads: Threads = 2,
    ) -> None:
        """Time the loop on 1, 2, 4 and 8 times the seed images."""
        from viper.bench.size import against_size
        from viper.files import atomic_write

        rows = against_size(["-m", "viper", "loop-once", "--options", options, "--threads", str(threads)])
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def measure_edit_filter(
        options: Options,
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        seed: Annotated[int, typer.Option(help="of the known edits; min_change was chosen on 0", min=0)] = 1,
    ) -> None:
        """Count how often the filter of edits is wrong on photographs with known edits, beside comparing pixels."""
        from viper.bench.edit_filter import filters, measure, photographs, rates
        from viper.files import atomic_write

        rows = rates(measure(filters(read_options(options).synthesis.edit), photographs(), seed))
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def hold_rows(
        data: Annotated[Path, typer.Argument(help="data set, Parquet")],
        rows: Annotated[int, typer.Argument(help="prompts to train on")],
        folder: Annotated[Path, typer.Argument(help="to work in, the same for all processes")],
        processes: Annotated[int, typer.Argument(help="of which this is one, started by torchrun", min=1)],
    ) -> None:
        """Lay a data set out as training does and read every row; write this process's peak memory to the folder."""
        from viper.bench.rows import hold
        from viper.processes import work_together

        work_together(processes, launched=True)
        hold(data, rows, folder)

    @app.command()
    def measure_rows(out: Annotated[Path, typer.Option(help="CSV table to write")]) -> None:
        """Measure the memory of training's rows against their number, repetitions and processes."""
        from viper.bench.rows import against_copies
        from viper.files import atomic_write

        rows = against_copies(["-m", "viper", "hold-rows"])
        with atomic_write(out) as partial:
            rows.to_csv(partial, index=False, lineterminator="\n")
        typer.echo(rows.to_string(index=False))

    @app.command()
    def plot_speed(
        tables: Annotated[list[Path], typer.Argument(help="tables of measure-speed")],
        output: Output,
        caption: Caption,
    ) -> None:
        """Draw how many times as fast each step is, with the spread and what was aimed for."""
        import pandas as pd

        from viper.analysis.figures import speed, style
        from viper.bench.alternate import COLUMNS, NUMBERS
        from viper.reading import read_table

        style.use_style()
        read = [read_table(path, needed=COLUMNS, numbers=NUMBERS) for path in tables]
        write_figure(speed.draw(pd.concat(read, ignore_index=True)), output, speed.CAPTION, caption)


def _loop(sections: Any):
    from viper.bench.synthesis import Loop

    models = sections.models
    return Loop(models.vlm, models.painter, models.editor, sections.synthesis)

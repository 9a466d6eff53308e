"""Commands about base models: fetch them from a hub, train the micro ones from scratch, measure them."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options

Output = Annotated[Path, typer.Option(help="folder of the trained model; replaced only when training has ended")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command("fetch-model")
    def fetch_model(
        name: Annotated[str, typer.Argument(help="OWNER/NAME@COMMIT, the commit with all its 40 digits")],
        folder: Annotated[Path, typer.Option(help="where it is kept; files that are there already stay")],
    ) -> None:
        """Download a model of the hub at one commit, check every file, and write its manifest."""
        from viper.models.hub import fetch_model

        typer.echo(fetch_model(name, folder), err=True)

    @app.command("pretrain-vlm")
    def pretrain_vlm(
        options: Options,
        output: Output,
        work: Annotated[Path, typer.Option(help="folder that an interrupted run goes on from; removed at the end")],
        family: Annotated[str, typer.Option(help="of pretraining.families; without, pretraining.vlm")] = "",
    ) -> None:
        """Train a base VLM: first its eyes, then its language. Every stage that has ended is kept until all have."""
        from viper.files import explain_failed_write
        from viper.locking import only_writer
        from viper.models import world

        recipes = read_options(options).pretraining
        with only_writer(work), explain_failed_write(work.parent):
            world.train_vlm(recipes.families[family] if family else recipes.vlm, output, work)

    @app.command("pretrain-latents")
    def pretrain_latents(options: Options, output: Output) -> None:
        """Train what painter and editor share: the autoencoder and the text encoder."""
        from viper.models import world

        world.train_latents(read_options(options).pretraining.latents, output)

    @app.command("pretrain-diffusion")
    def pretrain_diffusion(
        options: Options,
        shared: Annotated[Path, typer.Option(help="folder made by pretrain-latents")],
        painter: Annotated[Path, typer.Option(help="folder of the trained painter")],
        editor: Annotated[Path, typer.Option(help="folder of the trained editor")],
    ) -> None:
        """Train painter (caption → picture) and editor (picture and instruction → picture) together."""
        from viper.models import world

        world.train_diffusion(read_options(options).pretraining.diffusion, shared, painter, editor)

    @app.command("pretrain-checker")
    def pretrain_checker(options: Options, output: Output) -> None:
        """Train the checker that audits painter and editor."""
        from viper.models import world

        world.train_checker(read_options(options).pretraining.checker, output)

    @app.command("measure-base-models")
    def measure_base_models(
        options: Options,
        output: Annotated[Path, typer.Option(help="CSV: model, what was measured, share right, 95 % interval, n")],
    ) -> None:
        """Measure VLM, painter and editor against the drawn world's truth."""
        from viper.files import atomic_write
        from viper.models import world

        sections = read_options(options)
        table = world.measure(sections.models, sections.synthesis.caption.temperature)
        with atomic_write(output) as partial:
            table.to_csv(partial, index=False)

"""Commands of the loop: one per step and shard, called by rules/seeds.smk and rules/synthesis.smk."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.config.options import read_options

if TYPE_CHECKING:
    from viper.models.base import VLM, Editor, Painter
    from viper.synthesis.loop import Model as LoadedModel
    from viper.synthesis.loop import Step

Options = Annotated[
    str, typer.Option(help="what the step depends on, as JSON: a section of params.yaml or part of one")
]
Model = Annotated[str, typer.Option(help="the model's section of params.yaml (models.vlm, …), as JSON")]
Checkpoint = Annotated[Path, typer.Option(help="manifest.json of the model's folder")]
Lineage = Annotated[str, typer.Option(help="name of the VLM that synthesizes, such as base.csr")]
Seed = Annotated[int, typer.Option(help="the run's seed", min=0)]
Table = Annotated[Path, typer.Option(help="Parquet table of a shard")]
Out = Annotated[Path, typer.Option(help="Parquet table to write")]


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def make_seeds(folder: Path, options: Options, seed: Seed = 0) -> None:
        """Draw or collect the seed images: seeds/shardN.parquet (world: also truth/shardN.jsonl) below FOLDER."""
        from viper.config.seeds import Seeds
        from viper.synthesis import world
        from viper.synthesis.seeds import collect_seeds

        seeds = read_options(Seeds, options)
        tables = [folder / "seeds" / f"shard{shard}.parquet" for shard in range(seeds.shards)]
        if seeds.source == "world":
            truth = [folder / "truth" / f"shard{shard}.jsonl" for shard in range(seeds.shards)]
            world.draw_seeds(seeds, seed=seed, out=tables, truth=truth)
        else:
            collect_seeds(seeds, seed=seed, out=tables, skipped=folder / "seeds" / "skipped.csv")

    @app.command()
    def caption_images(
        seeds: Table, out: Out, checkpoint: Checkpoint, model: Model, options: Options, lineage: Lineage, seed: Seed
    ) -> None:
        """The VLM describes each seed image of a shard."""
        from viper.synthesis.loop import CAPTION_IMAGES

        paths = {"seeds": seeds}
        _make(
            CAPTION_IMAGES,
            paths,
            out,
            model=lambda: _vlm(checkpoint, model),
            options=options,
            lineage=lineage,
            seed=seed,
        )

    @app.command()
    def reconstruct_images(
        captions: Table, out: Out, checkpoint: Checkpoint, model: Model, lineage: Lineage, seed: Seed
    ) -> None:
        """The painter draws each caption of a shard."""
        from viper.synthesis.loop import RECONSTRUCT_IMAGES

        paths = {"captions": captions}
        _make(
            RECONSTRUCT_IMAGES,
            paths,
            out,
            model=lambda: _painter(checkpoint, model),
            options=None,
            lineage=lineage,
            seed=seed,
        )

    @app.command()
    def critique_captions(
        seeds: Table,
        captions: Table,
        reconstructions: Table,
        out: Out,
        checkpoint: Checkpoint,
        model: Model,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM compares each image with its reconstruction and lists what the caption needs changed."""
        from viper.synthesis.loop import CRITIQUE_CAPTIONS

        paths = {"seeds": seeds, "captions": captions, "reconstructions": reconstructions}
        _make(
            CRITIQUE_CAPTIONS,
            paths,
            out,
            model=lambda: _vlm(checkpoint, model),
            options=options,
            lineage=lineage,
            seed=seed,
        )

    @app.command()
    def refine_captions(
        seeds: Table,
        captions: Table,
        critiques: Table,
        out: Out,
        checkpoint: Checkpoint,
        model: Model,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM works its refinements into each caption and names the hard entities."""
        from viper.synthesis.loop import REFINE_CAPTIONS

        paths = {"seeds": seeds, "captions": captions, "critiques": critiques}
        _make(
            REFINE_CAPTIONS,
            paths,
            out,
            model=lambda: _vlm(checkpoint, model),
            options=options,
            lineage=lineage,
            seed=seed,
        )

    @app.command()
    def plan_operations(refinements: Table, out: Out, options: Options, lineage: Lineage, seed: Seed) -> None:
        """Heuristics turn the hard entities of each image into editing operations."""
        from viper.synthesis.loop import PLAN_OPERATIONS

        paths = {"refinements": refinements}
        _make(PLAN_OPERATIONS, paths, out, model=None, options=options, lineage=lineage, seed=seed)

    @app.command()
    def edit_images(
        seeds: Table,
        operations: Table,
        out: Out,
        checkpoint: Checkpoint,
        model: Model,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The editor carries out the operations of each image."""
        from viper.synthesis.loop import EDIT_IMAGES

        paths = {"seeds": seeds, "operations": operations}
        _make(
            EDIT_IMAGES,
            paths,
            out,
            model=lambda: _editor(checkpoint, model),
            options=options,
            lineage=lineage,
            seed=seed,
        )

    @app.command()
    def assemble_datasets(
        seeds: Annotated[Path, typer.Option(help="folder of the seed images' shards")],
        synthesis: Annotated[Path, typer.Option(help="folder of the steps' shards")],
        shards: Annotated[int, typer.Option(help="number of shards", min=1)],
        out: Annotated[Path, typer.Option(help="folder for the data sets and dropped.csv")],
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """Choose the rows of both data sets; drop what is unusable, counted by reason."""
        from viper.config.synthesis import AssembleOptions
        from viper.synthesis.assemble import Shards, assemble

        step = read_options(AssembleOptions, options)
        assemble(Shards(seeds, synthesis, shards), out, step, lineage=lineage, seed=seed)

    @app.command()
    def write_card(
        folder: Annotated[Path, typer.Argument(help="folder of the data sets and dropped.csv")],
        out: Annotated[Path, typer.Option(help="Markdown file to write")],
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """Write the card of both data sets: sizes, columns, and what became of each seed image."""
        from viper.synthesis.card import write_card

        write_card(folder, out, lineage=lineage, seed=seed)

    @app.command()
    def audit_synthesis(
        data: Annotated[Path, typer.Option(help="folder of the scale's data, such as data/micro")],
        seed: Annotated[list[int], typer.Option(help="a run's seed; repeat the option for several")],
        lineage: Annotated[list[str], typer.Option(help="name of a VLM that synthesized; repeat for several")],
        shards: Annotated[int, typer.Option(help="number of shards", min=1)],
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checker's folder")],
        out: Annotated[Path, typer.Option(help="CSV table to write")],
    ) -> None:
        """Measure each step of the loop against the truth of drawn seed images."""
        from viper.files import atomic_write
        from viper.manifest import model_folder
        from viper.synthesis import world

        table = world.audit(data, seeds=seed, lineages=lineage, shards=shards, checker=model_folder(checkpoint))
        with atomic_write(out) as partial:
            table.to_csv(partial, index=False, lineterminator="\n")


def _make(
    step: "Step",
    paths: dict[str, Path],
    out: Path,
    *,
    model: "Callable[[], LoadedModel] | None",
    options: str | None,
    lineage: str,
    seed: int,
) -> None:
    """Run one step on one shard: its tables are read and checked before its model is loaded."""
    from viper.synthesis.rows import write_rows
    from viper.synthesis.tables import read_shard

    section = read_options(step.options, options) if options is not None else None
    tables = read_shard(paths, seed=seed)
    rows = step(tables, model() if model else None, section, lineage=lineage, seed=seed)
    write_rows(out, rows, step.makes.columns)


def _vlm(checkpoint: Path, section: str) -> "VLM":
    from viper.config.models import VlmSection
    from viper.manifest import model_folder
    from viper.models.vlm import load_vlm

    return load_vlm(model_folder(checkpoint), read_options(VlmSection, section, "--model"))


def _painter(checkpoint: Path, section: str) -> "Painter":
    from viper.config.models import PipelineSection
    from viper.manifest import model_folder
    from viper.models.painter import load_painter

    return load_painter(read_options(PipelineSection, section, "--model"), model_folder(checkpoint))


def _editor(checkpoint: Path, section: str) -> "Editor":
    from viper.config.models import EditorSection
    from viper.manifest import model_folder
    from viper.models.editor import load_editor

    return load_editor(read_options(EditorSection, section, "--model"), model_folder(checkpoint))

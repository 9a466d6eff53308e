"""Commands of the loop: one a step and shard, called by rules/seeds.smk and rules/synthesis.smk."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options

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
        from viper.synthesis import world
        from viper.synthesis.seeds import collect_seeds

        seeds = read_options(options).seeds
        tables = [folder / "seeds" / f"shard{shard}.parquet" for shard in range(seeds.shards)]
        if seeds.source == "world":
            truth = [folder / "truth" / f"shard{shard}.jsonl" for shard in range(seeds.shards)]
            world.draw_seeds(seeds, seed=seed, out=tables, truth=truth)
        else:
            collect_seeds(seeds, seed=seed, out=tables, skipped=folder / "seeds" / "skipped.csv")

    @app.command()
    def caption_images(
        seeds: Table, out: Out, checkpoint: Checkpoint, options: Options, lineage: Lineage, seed: Seed
    ) -> None:
        """The VLM describes each seed image of a shard."""
        from viper.manifest import model_folder
        from viper.models.vlm import load_vlm
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import CAPTION_COLUMNS, caption
        from viper.synthesis.tables import read_step

        sections = read_options(options)
        vlm = load_vlm(model_folder(checkpoint), sections.models.vlm)
        write_rows(
            out,
            caption(read_step(seeds, "seeds"), vlm, sections.synthesis, lineage=lineage, seed=seed),
            CAPTION_COLUMNS,
        )

    @app.command()
    def reconstruct_images(
        captions: Table, out: Out, checkpoint: Checkpoint, options: Options, lineage: Lineage, seed: Seed
    ) -> None:
        """The painter draws each caption of a shard."""
        from viper.manifest import model_folder
        from viper.models.painter import load_painter
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import RECONSTRUCTION_COLUMNS, reconstruct
        from viper.synthesis.tables import read_step

        painter = load_painter(read_options(options).models.painter, model_folder(checkpoint))
        rows = reconstruct(read_step(captions, "captions"), painter, lineage=lineage, seed=seed)
        write_rows(out, rows, RECONSTRUCTION_COLUMNS)

    @app.command()
    def critique_captions(
        seeds: Table,
        captions: Table,
        reconstructions: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM compares each image with its reconstruction and lists what the caption needs changed."""
        from viper.manifest import model_folder
        from viper.models.vlm import load_vlm
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import CRITIQUE_COLUMNS, critique
        from viper.synthesis.tables import read_shard

        sections = read_options(options)
        paths = {"seeds": seeds, "captions": captions, "reconstructions": reconstructions}
        tables = read_shard(paths, seed=seed).values()
        vlm = load_vlm(model_folder(checkpoint), sections.models.vlm)
        write_rows(out, critique(*tables, vlm, sections.synthesis, lineage=lineage, seed=seed), CRITIQUE_COLUMNS)

    @app.command()
    def refine_captions(
        seeds: Table,
        captions: Table,
        critiques: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM works its refinements into each caption and names the hard entities."""
        from viper.manifest import model_folder
        from viper.models.vlm import load_vlm
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import REFINEMENT_COLUMNS, refine
        from viper.synthesis.tables import read_shard

        sections = read_options(options)
        tables = read_shard({"seeds": seeds, "captions": captions, "critiques": critiques}, seed=seed).values()
        vlm = load_vlm(model_folder(checkpoint), sections.models.vlm)
        write_rows(out, refine(*tables, vlm, sections.synthesis, lineage=lineage, seed=seed), REFINEMENT_COLUMNS)

    @app.command()
    def plan_operations(refinements: Table, out: Out, options: Options, lineage: Lineage, seed: Seed) -> None:
        """Heuristics turn the hard entities of each image into editing operations."""
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import OPERATION_COLUMNS, operate
        from viper.synthesis.tables import read_step

        section, rows = read_options(options).synthesis.operations, read_step(refinements, "refinements")
        write_rows(out, operate(rows, section, lineage=lineage, seed=seed), OPERATION_COLUMNS)

    @app.command()
    def edit_images(
        seeds: Table,
        operations: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The editor carries out the operations of each image."""
        from viper.manifest import model_folder
        from viper.models.editor import load_editor
        from viper.synthesis.rows import write_rows
        from viper.synthesis.steps import EDIT_COLUMNS, edit
        from viper.synthesis.tables import read_shard

        sections = read_options(options)
        tables = read_shard({"seeds": seeds, "operations": operations}, seed=seed).values()
        editor = load_editor(sections.models.editor, model_folder(checkpoint))
        rows = edit(*tables, editor, sections.synthesis.edit, lineage=lineage, seed=seed)
        write_rows(out, rows, EDIT_COLUMNS)

    @app.command()
    def assemble_datasets(
        seeds: Annotated[Path, typer.Option(help="folder of the seed images' shards")],
        synthesis: Annotated[Path, typer.Option(help="folder of the steps' shards")],
        out: Annotated[Path, typer.Option(help="folder for the data sets and dropped.csv")],
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """Choose the rows of both data sets; drop what is unusable, counted by reason."""
        from viper.synthesis.assemble import Shards, assemble

        sections = read_options(options)
        assemble(Shards(seeds, synthesis, sections.seeds.shards), out, sections.synthesis, lineage=lineage, seed=seed)

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
        options: Options,
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checker's folder")],
        out: Annotated[Path, typer.Option(help="CSV table to write")],
    ) -> None:
        """Measure each step of the loop against the truth of drawn seed images."""
        from viper.files import atomic_write
        from viper.manifest import model_folder
        from viper.synthesis import world

        shards = read_options(options).seeds.shards
        table = world.audit(data, seeds=seed, lineages=lineage, shards=shards, checker=model_folder(checkpoint))
        with atomic_write(out) as partial:
            table.to_csv(partial, index=False, lineterminator="\n")

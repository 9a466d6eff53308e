"""Commands of the loop: one per step and shard, called by rules/images.smk and rules/synthesis.smk."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError

if TYPE_CHECKING:
    from viper.config.models import Models
    from viper.models.base import VLM, Editor, Painter
    from viper.synthesis.assemble import Shards as TableShards
    from viper.synthesis.labels import TrueLabels
    from viper.synthesis.loop import Model, Step

Checkpoint = Annotated[Path, typer.Option(help="manifest.json of the model's folder")]
Lineage = Annotated[str, typer.Option(help="name of the VLM that synthesizes, such as base.csr")]
Seed = Annotated[int, typer.Option(help="the run's seed", min=0)]
Table = Annotated[Path, typer.Option(help="Parquet table of a shard")]
Shards = Annotated[list[Path], typer.Argument(help="Parquet tables to write, one per shard")]
Tables = Annotated[list[Path], typer.Option(help="tables of this step, in the order of the shards")]
Out = Annotated[Path, typer.Option(help="Parquet table to write")]
Work = Annotated[Path, typer.Option(help="folder that an interrupted run goes on from; removed at the end")]

Csr = Annotated[Path, typer.Option(help="the CSR data set, a Parquet table")]
Vop = Annotated[Path, typer.Option(help="the VOP data set, a Parquet table")]
HeldOut = Annotated[Path, typer.Option(help="held-out VOP pairs, a Parquet table")]
Dropped = Annotated[Path, typer.Option(help="CSV: what was dropped, by reason")]


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def draw_images(
        images: Shards,
        truth: Annotated[list[Path], typer.Option(help="what is in each shard: JSON Lines to write")],
        options: Options,
        seed: Seed = 0,
        first_shard: Annotated[
            int,
            typer.Option(help="number of the first of these shards; images.shards and beyond: further scenes", min=0),
        ] = 0,
    ) -> None:
        """Draw scenes of the micro world, and write what is in them apart."""
        from viper.synthesis import world

        section = read_options(options).images
        world.draw_images(section, seed=seed, out=images, truth=truth, first_shard=first_shard)

    @app.command("collect-images")
    def collect_images_command(
        images: Shards,
        skipped: Annotated[Path, typer.Option(help="CSV to write: photographs that were left out, by reason")],
        options: Options,
        data: Annotated[Path | None, typer.Option(help="folder of the data set, where one is named")] = None,
        known: Annotated[
            list[Path] | None, typer.Option(help="hashes of a benchmark's pictures, BENCHMARK.csv")
        ] = None,
        seed: Seed = 0,
        more: Annotated[str, typer.Option(help="the part of images.more to read; none: images.paths")] = "",
        before: Annotated[list[Path] | None, typer.Option(help="shard that there is already; repeat for each")] = None,
    ) -> None:
        """Read photographs: upright, RGB, of the wanted size, and in no benchmark."""
        from viper.synthesis.images import collect_images

        benchmarks = {path.stem: path for path in known or []}
        section = read_options(options).images
        parts = {"more": more, "before": before or []}
        collect_images(section, seed=seed, out=images, skipped=skipped, data=data, benchmarks=benchmarks, **parts)

    @app.command()
    def pilot_images(images: Table, out: Out, options: Options) -> None:
        """Take the first seed images of a shard, to try the loop on."""
        from viper.synthesis.pilot import take_images

        take_images(images, out, read_options(options).synthesis.pilot.images)

    @app.command()
    def forecast_yield(
        image: Annotated[list[Path], typer.Option(help="table of seed images; repeat for each shard")],
        images: Table,
        captions: Table,
        critiques: Table,
        refinements: Table,
        operations: Table,
        edits: Table,
        out: Annotated[Path, typer.Option(help="CSV table to write")],
        options: Options,
        seed: Seed,
    ) -> None:
        """Forecast from the pilot's tables how many rows the data sets will have; stop where they cannot be filled."""
        from viper.synthesis.assemble import Shards
        from viper.synthesis.pilot import forecast

        tables = {"images": images, "captions": captions, "critiques": critiques, "refinements": refinements}
        tables |= {"operations": operations, "edits": edits}
        pilot = Shards({step: [path] for step, path in tables.items()})
        forecast(pilot, image, out, read_options(options).synthesis, seed=seed)

    @app.command("hash-pictures")
    def hash_pictures_command(
        folder: Annotated[Path, typer.Argument(help="whose pictures, of any depth, are hashed")],
        output: Annotated[Path, typer.Option(help="CSV to write")],
    ) -> None:
        """Perceptual hashes of the pictures of a benchmark, by which photographs of the same are left out."""
        from viper.synthesis.likeness import hash_pictures

        hash_pictures((path for path in folder.rglob("*") if path.is_file()), folder, output)

    @app.command("fetch-photographs")
    def fetch_photographs(
        dataset: Annotated[str, typer.Argument(help="OWNER/NAME@COMMIT, the commit with all its 40 digits")],
        file: Annotated[list[str], typer.Option(help="path in the data set")],
        folder: Annotated[Path, typer.Option(help="where it is kept; files that are there already stay")],
    ) -> None:
        """Download files of a data set of the hub, check each, and write a manifest of them."""
        from viper.manifest import write_manifest
        from viper.models.hub import fetch_data

        fetch_data(dataset, file, folder, f"copy DIR, its .cache included, to {folder}")
        typer.echo(write_manifest(folder), err=True)

    @app.command()
    def caption_images(
        images: Table, out: Out, checkpoint: Checkpoint, options: Options, lineage: Lineage, seed: Seed
    ) -> None:
        """The VLM describes each seed image of a shard."""
        from viper.synthesis.loop import CAPTION_IMAGES

        paths = {"images": images}
        _make(CAPTION_IMAGES, paths, partial(_vlm, checkpoint), out, options, lineage=lineage, seed=seed)

    @app.command()
    def reconstruct_images(
        images: Table,
        captions: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
        work: Work,
    ) -> None:
        """The painter draws each caption of a shard, in the shape of its image where it may."""
        from viper.synthesis.loop import RECONSTRUCT_IMAGES

        paths = {"images": images, "captions": captions}
        with unfinished(work):
            load = partial(_painter, checkpoint, work, options)
            _make(RECONSTRUCT_IMAGES, paths, load, out, options, lineage=lineage, seed=seed)

    @app.command()
    def critique_captions(
        images: Table,
        captions: Table,
        reconstructions: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM compares each image with its reconstruction and lists what the caption needs changed."""
        from viper.synthesis.loop import CRITIQUE_CAPTIONS

        paths = {"images": images, "captions": captions, "reconstructions": reconstructions}
        _make(CRITIQUE_CAPTIONS, paths, partial(_vlm, checkpoint), out, options, lineage=lineage, seed=seed)

    @app.command()
    def refine_captions(
        images: Table,
        captions: Table,
        critiques: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """The VLM works its refinements into each caption and names the hard entities."""
        from viper.synthesis.loop import REFINE_CAPTIONS

        paths = {"images": images, "captions": captions, "critiques": critiques}
        _make(REFINE_CAPTIONS, paths, partial(_vlm, checkpoint), out, options, lineage=lineage, seed=seed)

    @app.command()
    def plan_operations(refinements: Table, out: Out, options: Options, lineage: Lineage, seed: Seed) -> None:
        """Heuristics turn the hard entities of each image into editing operations."""
        from viper.synthesis.loop import PLAN_OPERATIONS

        paths = {"refinements": refinements}
        _make(PLAN_OPERATIONS, paths, None, out, options, lineage=lineage, seed=seed)

    @app.command()
    def edit_images(
        images: Table,
        operations: Table,
        out: Out,
        checkpoint: Checkpoint,
        options: Options,
        lineage: Lineage,
        seed: Seed,
        work: Work,
    ) -> None:
        """The editor carries out the operations of each image."""
        from viper.synthesis.loop import EDIT_IMAGES

        paths = {"images": images, "operations": operations}
        with unfinished(work):
            load = partial(_editor, checkpoint, work, options)
            _make(EDIT_IMAGES, paths, load, out, options, lineage=lineage, seed=seed)

    @app.command()
    def assemble_datasets(
        images: Tables,
        captions: Tables,
        critiques: Tables,
        refinements: Tables,
        operations: Tables,
        edits: Tables,
        csr: Csr,
        vop: Vop,
        held_out: HeldOut,
        dropped: Dropped,
        options: Options,
        lineage: Lineage,
        seed: Seed,
        reconstructions: Annotated[
            list[Path] | None, typer.Option(help="tables of this step, where captions are held to what was painted")
        ] = None,
        truth: Annotated[
            list[Path] | None, typer.Option(help="what is in each shard, where synthesis.labels is truth")
        ] = None,
        checker: Annotated[
            Path | None, typer.Option(help="manifest.json of the checker's folder, where synthesis.labels is truth")
        ] = None,
    ) -> None:
        """Choose the rows of both data sets; drop what is unusable, counted by reason."""
        from viper.synthesis.assemble import DataSets, Shards, assemble

        tables = {"images": images, "captions": captions, "critiques": critiques, "refinements": refinements}
        tables |= {"operations": operations, "edits": edits}
        tables |= {"reconstructions": reconstructions} if reconstructions else {}
        shards = Shards(tables)
        out = DataSets(csr, vop, held_out, dropped)
        section = read_options(options).synthesis
        labels = None
        if section.labels == "truth":
            labels = _true_labels(shards, truth or [], checker, seed)
        assemble(shards, out, section, lineage=lineage, seed=seed, truth=labels)

    @app.command()
    def write_card(
        csr: Csr,
        vop: Vop,
        held_out: HeldOut,
        dropped: Dropped,
        out: Annotated[Path, typer.Option(help="Markdown file to write")],
        lineage: Lineage,
        seed: Seed,
    ) -> None:
        """Write the card of both data sets: sizes, columns, and what became of each seed image."""
        from viper.synthesis.assemble import DataSets
        from viper.synthesis.card import write_card

        write_card(DataSets(csr, vop, held_out, dropped), out, lineage=lineage, seed=seed)

    @app.command()
    def audit_synthesis(
        table: Annotated[
            list[str],
            typer.Option(
                metavar="LINEAGE=PATH", help="table of a step and shard, and whose data it led to; repeat for each"
            ),
        ],
        truth: Annotated[list[Path], typer.Option(help="what is in a shard of drawn images; repeat for each")],
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checker's folder")],
        out: Annotated[Path, typer.Option(help="CSV table to write")],
    ) -> None:
        """Measure each step of the loop against the truth of drawn seed images."""
        from viper.files import atomic_write
        from viper.manifest import model_folder
        from viper.synthesis import world

        tables = [_named_table(each) for each in table]
        measured = world.audit(tables, truth, checker=model_folder(checkpoint))
        with atomic_write(out) as partial:
            measured.to_csv(partial, index=False, lineterminator="\n")


def _make(
    step: "Step",
    paths: dict[str, Path],
    load: "Callable[[Models], Model] | None",
    out: Path,
    options: str,
    *,
    lineage: str,
    seed: int,
) -> None:
    """Run one step on one shard: its tables are read and held to each other before its model is loaded.

    Args:
        paths: name → file, of the tables that the step reads.
        load: loads the model that the step asks; None where it asks none.
    """
    from viper.synthesis.rows import write_rows
    from viper.synthesis.tables import read_shard

    sections = read_options(options)
    tables = read_shard(paths, seed=seed)
    model = load(sections.models) if load else None
    parts = sections.synthesis if step.has_options else None
    write_rows(out, step(tables, model, parts, lineage=lineage, seed=seed), step.makes.columns)


def _named_table(given: str) -> tuple[str, Path]:
    """The lineage and the path of LINEAGE=PATH.

    Raises:
        ViperError: it has another form.
    """
    lineage, found, path = given.partition("=")
    if not (lineage and found and path):
        raise ViperError(f"--table {given}: name the lineage too: LINEAGE=PATH, such as base={given}")
    return lineage, Path(path)


def _true_labels(shards: "TableShards", truth: list[Path], checker: Path | None, seed: int) -> "TrueLabels":
    """What the truth says of a synthesis.

    Raises:
        ViperError: no checker is named; and see `world.true_labels`.
    """
    from viper.manifest import model_folder
    from viper.synthesis import world

    if checker is None:
        raise ViperError("synthesis.labels is truth, and no checker reads the edited pictures: add --checker")
    return world.true_labels(shards, truth, checker=model_folder(checker), seed=seed)


def _vlm(checkpoint: Path, models: "Models") -> "VLM":
    from viper.manifest import model_folder
    from viper.models.vlm import load_vlm

    return load_vlm(model_folder(checkpoint), models.vlm)


@contextmanager
def unfinished(work: Path) -> Iterator[None]:
    """Keep others out of `work`, the folder of an unfinished job; remove it when the block ends without an error.

    Raises:
        ViperError: another process is at work there, or the disk is full.
    """
    from viper.files import explain_failed_write
    from viper.locking import only_writer

    with only_writer(work), explain_failed_write(work.parent):
        yield
    shutil.rmtree(work, ignore_errors=True)


def _painter(checkpoint: Path, work: Path, options: str, models: "Models") -> "Painter":
    from viper.digests import digest
    from viper.manifest import model_folder
    from viper.models.kept_pictures import KeptPictures
    from viper.models.painter import load_painter

    folder = model_folder(checkpoint)
    return load_painter(models.painter, folder, KeptPictures(work, f"{digest(checkpoint)} {options}"))


def _editor(checkpoint: Path, work: Path, options: str, models: "Models") -> "Editor":
    from viper.digests import digest
    from viper.manifest import model_folder
    from viper.models.editor import load_editor
    from viper.models.kept_pictures import KeptPictures

    folder = model_folder(checkpoint)
    return load_editor(models.editor, folder, KeptPictures(work, f"{digest(checkpoint)} {options}"))

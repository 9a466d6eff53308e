"""Commands of the evaluation."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError

Split = Annotated[str, typer.Option(help="Name of the split in evaluation.splits.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command("make-benchmark")
    def make_benchmark(
        name: Annotated[str, typer.Argument(help="Such as MicroStar; official ones such as MMStar are linked.")],
        split: Split,
        options: Options,
        output: Annotated[Path, typer.Option(help="The TSV to write.")],
    ) -> None:
        """Draw one benchmark of the micro world from a seed, or link the official one."""
        from viper.evaluation.benchmarks import provide

        evaluation = read_options(options).evaluation
        provide(
            name,
            evaluation.source,
            evaluation.folder,
            evaluation.splits[split],
            output,
            admitted_only=evaluation.kinds == "admitted",
        )

    @app.command("fetch-benchmark")
    def fetch_benchmark(
        name: Annotated[str, typer.Argument(help="An official benchmark, such as MMStar.")],
        output: Annotated[Path, typer.Option(help="<name>.tsv in the folder of official benchmarks.")],
    ) -> None:
        """Download one official benchmark and check it against its published MD5, or its content."""
        from viper.evaluation.official import fetch_benchmark

        fetch_benchmark(name, output)

    @app.command("fetch-benchmark-pictures")
    def fetch_benchmark_pictures(
        table: Annotated[Path, typer.Argument(help="A published table that only names its pictures, such as CRPE's.")],
        folder: Annotated[Path, typer.Option(help="Folder for the pictures; those that are there stay.")],
    ) -> None:
        """Download the pictures that a benchmark's table names."""
        from viper.evaluation.crpe_pictures import fetch_pictures

        fetch_pictures(table, folder)

    @app.command("unpack-benchmark")
    def unpack_benchmark(
        name: Annotated[str, typer.Argument(help="An official benchmark, such as MMStar.")],
        table: Annotated[Path, typer.Option(help="Its published table, <name>.tsv.")],
        pictures: Annotated[Path, typer.Option(help="Folder of the pictures that the table only names, if it does.")],
        folder: Annotated[Path, typer.Option(help="Folder to make: table.tsv, pictures, manifest.json.")],
    ) -> None:
        """Unpack a benchmark, once for all jobs, into a small table and picture files; each picture is decoded once."""
        from viper.evaluation.official import check_name
        from viper.evaluation.unpacked import unpack
        from viper.evaluation.vlmevalkit import require_data

        check_name(name, table)  # so that what is held to its MD5 is this table
        require_data(name, table.parent)
        unpack(name, table, pictures, folder)

    @app.command("evaluate")
    def evaluate(
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checkpoint's folder.")],
        benchmark: Annotated[list[Path], typer.Option(help="A benchmark's TSV; give it once for each.")],
        lineage: Annotated[str, typer.Option(help="The checkpoint's; behind a +, how it is asked otherwise.")],
        split: Split,
        options: Options,
        answers: Annotated[list[Path], typer.Option(help="TSV to write per item, for each benchmark in their order.")],
        work: Annotated[Path, typer.Option(help="Folder that an interrupted run goes on from; removed at the end.")],
        scores: Annotated[Path, typer.Option(help="JSON to write: the headline of each benchmark.")],
        own: Annotated[
            list[Path] | None,
            typer.Option(help="Of what is asked otherwise: each benchmark, as the checkpoint answered it."),
        ] = None,
    ) -> None:
        """Answer and score all benchmarks with one checkpoint, through VLMEvalKit."""
        from viper.config.evaluation import asking_of, vllm_place, vlm_section
        from viper.digests import digest
        from viper.evaluation.run import evaluate
        from viper.evaluation.vlmevalkit import import_vlmeval
        from viper.files import atomic_write, explain_failed_write, write_table
        from viper.locking import only_writer
        from viper.manifest import model_folder
        from viper.models.vlm import load_vlm

        if len(answers) != len(benchmark):
            raise ViperError(f"{len(benchmark)} benchmarks and {len(answers)} files for answers: name one for each")
        if own and len(own) != len(benchmark):
            raise ViperError(f"{len(benchmark)} benchmarks and {len(own)} files of own answers: name one for each")
        sections = read_options(options)
        evaluation = sections.evaluation
        import_vlmeval()
        folder = model_folder(checkpoint)
        with only_writer(work), explain_failed_write(work.parent):
            results = evaluate(
                load_vlm(folder, vlm_section(evaluation, sections.models.vlm), vllm_place(evaluation)),
                benchmark,
                asking_of(evaluation, lineage),
                own=own or [],
                size=evaluation.splits[split].size if evaluation.source == "official" else None,
                work=work,
                about=f"{digest(checkpoint)} {lineage} {options}",
            )
        for path, result in zip(answers, results.values(), strict=True):
            write_table(path, result.items)
        headlines = {
            name: {
                "score": round(result.score, 4),
                "items": len(result.items),
                "readings": result.readings,
                "vlmevalkit": result.figures,
            }
            for name, result in results.items()
        }
        with atomic_write(scores) as partial:
            partial.write_text(json.dumps(headlines, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(work, ignore_errors=True)

    @app.command("measure-admission")
    def measure_admission(
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the base's folder.")],
        options: Options,
        output: Annotated[Path, typer.Option(help="CSV to write: one row a kind of question and way of asking.")],
    ) -> None:
        """Which kinds of question the base knows on clear pictures, and half knows through its lens."""
        from viper.evaluation.admission import measure
        from viper.files import write_table
        from viper.manifest import model_folder

        sections = read_options(options)
        if sections.models.vlm.lens is None:
            raise ViperError("models.vlm.lens is null: without a lens no kind of question can be admitted; give one")
        write_table(output, measure(model_folder(checkpoint), sections.models.vlm, sections.evaluation))

    @app.command("measure-attention")
    def measure_attention(
        checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checkpoint's folder.")],
        pairs: Annotated[Path, typer.Option(help="Data set of held-out pairs, vop/test.parquet.")],
        options: Options,
        output: Annotated[Path, typer.Option(help="Parquet file to write, one row per pair and method.")],
    ) -> None:
        """Where one checkpoint looks while it is made to say what was changed between two pictures."""
        from viper.evaluation.attention import measure
        from viper.files import atomic_write
        from viper.manifest import model_folder
        from viper.models.transformers_vlm import load_transformers
        from viper.synthesis.rows import read_rows

        sections = read_options(options)
        # Only eager attention computes the weights that are to be measured.
        vlm_section = sections.models.vlm.model_copy(update={"attention": "eager"})
        vlm = load_transformers(model_folder(checkpoint), vlm_section)
        table = measure(vlm, read_rows(pairs), sections.evaluation.attention)
        with atomic_write(output) as partial:
            table.to_parquet(partial, index=False)

    @app.command("convert-mantis")
    def convert_mantis(
        parquet: Annotated[list[Path], typer.Argument(help="Parquet files of TIGER-Lab/Mantis-Eval.")],
        output: Annotated[Path, typer.Option(help="Mantis-Eval.tsv in the folder of official benchmarks.")],
    ) -> None:
        """Write Mantis-Eval, which VLMEvalKit does not have, in VLMEvalKit's format."""
        from viper.evaluation.mantis_table import convert

        typer.echo(f"{convert(parquet, output)} items", err=True)

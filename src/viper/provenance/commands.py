"""Commands about what files are made of: recording, taking over, tracing and rebuilding them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from viper.errors import ViperError
from viper.manifest import write_manifest

REGENERATE_HELP = """Make a recorded file again with the code of its commit, and compare it byte by byte.

A temporary worktree of the commit shares this repository's cache and remotes; packages are those installed here.

Exit status:
  0  identical
  1  different
  2  wrong arguments
  3  unknown hash, revision or path
  4  an input is out of reach, or damaged
  5  recorded in no commit yet
  6  the commit's code failed
  7  different, and so are versions of packages
"""


def register(app: typer.Typer) -> None:
    """Add this area's commands."""

    @app.command("write-manifest")
    def write_manifest_command(
        folder: Annotated[Path, typer.Argument(help="a folder with a model's files")],
    ) -> None:
        """List the files of a model folder, with sizes and SHA-256, in its manifest.json."""
        if not folder.is_dir():
            raise ViperError(f"{folder}: not a folder: name the folder that holds the model's files")
        typer.echo(write_manifest(folder))

    app.command("dvc-yaml")(dvc_yaml_command)
    app.command()(record)
    app.command()(pull)
    app.command("put-back")(put_back_command)
    app.command("fetch-pretrained")(fetch_pretrained_command)
    app.command()(figures)
    app.command()(publish)
    app.command("provenance")(provenance_command)
    app.command("regenerate", help=REGENERATE_HELP)(regenerate_command)
    app.command("verify")(verify_command)
    app.command("graph")(graph_command)
    app.command()(folder)


def dvc_yaml_command(
    scale: Annotated[
        str | None, typer.Option(help="scale of params.yaml; the default is its own, or with --check dvc.yaml's")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="write nothing; 2 if it is out of date")] = False,
) -> None:
    """Write dvc.yaml: a stage for each Snakemake target, with the files on the target's boundary as deps and outs."""
    from viper.files import atomic_write
    from viper.provenance import dvc_yaml

    if check:
        name, planned = dvc_yaml.check(scale=scale)
        typer.echo(f"dvc.yaml agrees with the Snakemake graph of scale {name}: {len(planned)} stages")
        return
    with atomic_write(dvc_yaml.DVC_YAML) as partial:
        partial.write_text(dvc_yaml.text(dvc_yaml.plan(scale=scale)[1]), encoding="utf-8")
    typer.echo(dvc_yaml.DVC_YAML)


def record(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="targets, such as main, all or open_questions, with what they consist of; default: everything"
        ),
    ] = None,
) -> None:
    """Record a finished Snakemake run in dvc.lock, as `dvc repro` would have: refuses while anything is out of date.

    With targets, what was recorded of all others stays.
    """
    from viper.provenance.record import record as write

    if count := write(targets=targets or ()):
        typer.echo(f"{count} stages recorded in dvc.lock: commit it, then `dvc push`")
    else:
        typer.echo(
            "nothing to record: all that is here is as dvc.lock records it, and of what is missing the record stays"
        )


def pull() -> None:
    """Fetch what dvc.lock records, check it, and tell Snakemake that it is up to date.

    Files of yours that differ from the recorded ones are moved below mine/, and `put-back` brings them back.
    """
    from viper.provenance.record import pull as fetch

    pulled = fetch()
    for line in pulled.damaged:
        typer.echo(f"{line}: what could be fetched again, was")
    if pulled.aside:
        typer.echo(f"{len(pulled.moved)} of your own files and folders differ from the recorded ones, and are moved:")
        _echo_some(pulled.moved)
        typer.echo(f"they are in {pulled.aside}/; to have them back: python -m viper put-back {pulled.aside}")
    if pulled.stale:
        typer.echo(f"{len(pulled.stale)} recorded outs are of an older run than the others, and are left out:")
        _echo_some(pulled.stale)
    typer.echo(
        f"everything that could be fetched is as recorded; {len(pulled.missing)} outs lie in a remote out of reach"
    )
    if pulled.missing:
        _echo_some(pulled.missing, 20)
        typer.echo("they are made again only where an edit needs them. Why they are out of reach:")
        typer.echo(pulled.said or "no remote has them")
    if pulled.edited:
        typer.echo("edited since the recording; `snakemake -n all` says what that concerns:")
        _echo_some(pulled.edited, 40)


def _echo_some(paths: Sequence[str], number: int = 10) -> None:
    for path in paths[:number]:
        typer.echo(f"  {path}")
    if len(paths) > number:
        typer.echo(f"  and {len(paths) - number} more")


def put_back_command(
    folder: Annotated[Path, typer.Argument(help="a folder that `make pull` made below mine/")],
) -> None:
    """Put back files of yours that `make pull` moved out of the way, with Snakemake's records of them."""
    from viper.provenance.mine import put_back

    paths, aside = put_back(folder)
    typer.echo(f"{len(paths)} files and folders are back; `make pull` takes the recorded ones again")
    if aside:
        typer.echo(f"what lay there and is recorded nowhere is in {aside}/")


def fetch_pretrained_command(
    files: Annotated[list[Path], typer.Argument(help=".dvc files of models in the repository's store")],
) -> None:
    """Put stored models in their place, from the store inside the repository, and check every byte."""
    from viper.provenance.stored import fetch

    for path in files:
        typer.echo(f"{fetch(path)}: as {path} records it")


def publish(
    check: Annotated[bool, typer.Option("--check", help="write nothing; 2 if something is not as recorded")] = False,
) -> None:
    """Show the recorded run in git: results/README.md, tables and pictures, and the tables of README.md."""
    from viper.provenance import published

    if not check:
        typer.echo(f"{len(published.publish())} files in results/recorded and README.md, as dvc.lock records them")
    elif wrong := published.stale():
        raise ViperError(f"not as dvc.lock records it: {', '.join(wrong[:8])}. Run `python -m viper publish`")


def figures() -> None:
    """Draw every figure again from the recorded tables, in a scratch copy; exit with 1 if one is not as recorded."""
    from viper.provenance.figures import DRAWN, redraw

    drawn = redraw()
    for each in drawn:
        typer.echo(f"{'identical' if each.is_same else 'DIFFERENT':10} {each.path}")
        for reason in each.reasons:
            typer.echo(f"{'':10}   {reason}")
    same = sum(each.is_same for each in drawn)
    typer.echo(f"{same} of {len(drawn)} files have the bytes that dvc.lock records; drawn again they lie in {DRAWN}/")
    raise typer.Exit(0 if same == len(drawn) else 1)


def provenance_command(
    file: Annotated[Path, typer.Argument(help="a table, a figure or anything else that a rule makes")],
) -> None:
    """Print what a file is made of, as a tree back to seeds and base models.

    Each file comes with the MD5 of what is here, and whether that is what dvc.lock records.
    """
    from viper.provenance.tree import show

    show(file)


def regenerate_command(
    name: Annotated[str, typer.Argument(help="MD5 of dvc.lock, PATH@REVISION, REVISION:PATH, or a path as of HEAD")],
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="where to start: data (what its own rule reads), predictions (also make tables again), checkpoints"
            " (also evaluate again), scratch (everything but the base models)",
        ),
    ] = "data",
) -> None:
    """See REGENERATE_HELP."""
    from viper.provenance.rebuild import Start
    from viper.provenance.regenerate import regenerate

    if start not in list(Start):
        raise ViperError(f"--from {start}: choose one of {', '.join(Start)}")
    status, lines = regenerate(name, Start(start))
    for line in lines:
        typer.echo(line)
    raise typer.Exit(status)


def verify_command(
    rules: Annotated[list[str] | None, typer.Argument(help="rules to run again; default: tables and figures")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every rule, from the base models")] = False,
    scale: Annotated[str | None, typer.Option(help="scale of params.yaml; the default is that of dvc.yaml")] = None,
) -> None:
    """Run rules again in a scratch copy and compare what they make with what is here.

    What cannot be checked, because an input is not here, is listed and does not count.

    Exit status:
      0  every artefact is identical
      1  one is different
      2  an error
      3  none is different, some are equal within tolerance
    """
    from viper.provenance import dvc_yaml
    from viper.provenance.compare import Verdict
    from viper.provenance.verify import verify

    verdicts = []
    for path, comparison in verify(scale or dvc_yaml.recorded_scale_of(Path()), rules or (), everything):
        if comparison is None:
            typer.echo(f"{'not checked':17} {path} (it, or an input of it, is not here)")
        else:
            verdicts.append(comparison.verdict)
            detail = f" ({comparison.detail})" if comparison.detail else ""
            typer.echo(f"{comparison.verdict:17} {path}{detail}")
    counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
    typer.echo(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if not verdicts:
        raise ViperError("nothing could be checked: make the results first, or fetch them with `make pull`")
    raise typer.Exit(1 if counts[Verdict.DIFFERENT] else 3 if counts[Verdict.CLOSE] else 0)


def folder(
    target: Annotated[str, typer.Argument(help="an experiment, or another target with tables")],
    config: Annotated[list[str] | None, typer.Argument(help="KEY=VALUE, as Snakemake's --config takes them")] = None,
) -> None:
    """Print the folder with the tables and figures of a target, which depends on the seeds."""
    from viper.config.loading import changes, layout_of, read_run
    from viper.layout import ONCE, REPORT
    from viper.provenance.stages import QUESTIONS

    params, given = read_run(config or ()), changes(config or ())
    scale = params.scales[params.scale]
    questions = [*scale.questions, QUESTIONS] if scale.questions else []
    compared = [*scale.experiments, "claims", "audit_synthesis", REPORT, *questions]
    if target not in (*compared, *ONCE):
        raise ViperError(f"{target}: no target with tables; there are: {', '.join((*compared, *ONCE))}")
    layout = layout_of(params, given)
    path = layout.once(target, "x") if target in ONCE else layout.table(target, "x")
    typer.echo(Path(path).parent)


def graph_command(
    targets: Annotated[list[str], typer.Argument(help="files, or targets such as `all`")],
    scale: Annotated[str, typer.Option(help="scale of params.yaml")],
) -> None:
    """Print the Snakemake jobs behind some targets as JSON: rule, inputs and outputs of each."""
    from viper.workflow.graph import read, to_json

    typer.echo(to_json(read(targets, scale)))

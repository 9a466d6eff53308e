"""Commands about what a run takes, before it starts and after; what would run now, and because of what."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from viper.errors import ViperError
from viper.files import atomic_write

MAIN = "main"  # the target of the main experiment

if TYPE_CHECKING:
    import pandas as pd

    from viper.config.schema import Scale


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(cost)
    app.command()(why)
    app.command()(timings)


def cost(
    scale: Annotated[str, typer.Option(help="scale of params.yaml")],
    target: Annotated[str, typer.Option(help="rule or file to make")] = "all",
    config: Annotated[str, typer.Option(help="JSON: what --config would set besides, over the files")] = "{}",
    output: Annotated[
        Path | None, typer.Option(help="CSV to write instead: planned by the rates alone, beside what the run took")
    ] = None,
) -> None:
    """Print GPU-hours, CPU-hours, disk and the longest path of a run from nothing, per step and in all.

    Hours are those of earlier runs (`benchmark:` files) where there are any, and otherwise the rates of
    src/viper/cost/rates.yaml times what the parameters ask for. The column basis says which. Below stand GPU-hours that
    a run would take less with other parameters, by the rates alone.
    """
    from viper.cost import table
    from viper.cost.rates import read_rates
    from viper.cost.work import estimate
    from viper.workflow.graph import read

    overrides = {**_parse(config), "scale": scale}
    parameters, planning = _parameters(overrides)
    graph, rates = read(list(dict.fromkeys([target, MAIN])), None, more=_assignments(planning)), read_rates()
    jobs = graph.jobs_of(target)
    if output is not None:
        planned = table.by_step(jobs, [estimate(job, parameters, rates) for job in jobs])
        _write_csv(table.beside(planned, table.by_step(jobs, table.taken(jobs))), output)
        return
    costs = table.plan(jobs, parameters, rates)
    typer.echo(_text(table.by_step(jobs, costs)))
    for step, (hours, limit) in table.too_short(jobs, costs).items():
        typer.echo(
            f"{step}: a job takes about {hours:.1f} h but asks for {limit:.1f} h: give it less to do, or more minutes"
        )
    for row in table.savings(jobs, graph.jobs_of(MAIN), parameters, rates).itertuples():
        source = f" ({row.source})" if row.source else ""
        typer.echo(f"estimate: {row.saving}: {_number(row.gpu_hours)} GPU-hours less, {_number(row.left)} left{source}")


def timings(
    target: Annotated[list[str], typer.Argument(help="rules or files whose jobs are asked about")],
    scale: Annotated[str, typer.Option(help="scale of params.yaml")],
    output: Annotated[Path, typer.Option(help="CSV to write")],
    config: Annotated[str, typer.Option(help="JSON: what --config would set besides, over the files")] = "{}",
) -> None:
    """Seconds, start-up and peak memory of every job behind TARGET: Snakemake's `benchmark:` files, and the logs."""
    from viper.cost.timings import collect
    from viper.files import write_table
    from viper.layout import Layout
    from viper.workflow.graph import read

    jobs = read(target, None, more=_assignments({**_parse(config), "scale": scale})).jobs
    measured = collect(Layout(scale), [job.benchmark for job in jobs if job.benchmark])
    write_table(output, measured, float_format="%.4f")


def why(
    target: Annotated[str, typer.Argument(help="rule or file to make")] = "all",
    scale: Annotated[str | None, typer.Option(help="scale of params.yaml; the default is its own")] = None,
    config: Annotated[str, typer.Option(help="JSON: what --config would set besides, over the files")] = "{}",
) -> None:
    """Print what making TARGET would run now, because of which change, and how long that takes. Nothing runs.

    One row per step: an edited parameter with its values before and now, an edited source file or prompt, an input with
    other content, what is missing, or else the step that it comes after. Times are those of earlier runs, and otherwise
    those of the rates, as in `python -m viper cost`; `longest` is that of the longest chain of jobs that wait for each
    other, which no number of machines makes shorter.
    """
    from viper.config.loading import read_with
    from viper.cost.rates import read_rates
    from viper.cost.why import by_step, shown
    from viper.provenance import guard
    from viper.workflow.graph import due

    overrides = {**_parse(config), **({"scale": scale} if scale else {})}
    params = read_with(("--config", overrides))
    if pulled := guard.unrecorded(params.scale):
        raise ViperError(guard.message(pulled))
    found = due([target], None, more=_assignments(overrides))
    if not found:
        typer.echo(f"{target}: nothing to be done at scale {params.scale}: all of it is up to date")
        return
    typer.echo(shown(by_step(found, params.scales[params.scale], read_rates())))


def _assignments(values: dict[str, Any]) -> list[str]:
    """What Snakemake's --config takes."""
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _parse(config: str) -> dict[str, Any]:
    try:
        values = json.loads(config)
    except json.JSONDecodeError as error:
        raise ViperError(f"--config is no JSON ({error}): write it as '{{\"scales\": {{…}}}}'") from error
    if not isinstance(values, dict):
        raise ViperError(f'--config must be an object such as {{"scales": {{…}}}}, not {config}')
    return values


def _parameters(overrides: dict[str, Any]) -> tuple["Scale", dict[str, Any]]:
    """The checked parameters of the scale, and the overrides with which Snakemake can plan it, whatever is missing."""
    from viper.config.inheritance import merge
    from viper.config.loading import read_with
    from viper.synthesis.photographs import find_photographs

    params = read_with(("--config", overrides))
    scale, planning = params.scales[params.scale], overrides
    # Any file can stand for one that is not there yet where nothing is read.
    stand_in: dict[str, Any] = {}
    if scale.images.source == "folder":
        try:
            find_photographs(scale.images.paths)
        except ViperError as error:
            typer.echo(f"{error}. Counted are images.number photographs all the same.", err=True)
            stand_in["images"] = {"paths": ["params.yaml"]}
    samples = scale.training.cold_start.source
    if samples != "truth" and not Path(samples).is_file():
        typer.echo(
            f"training.cold_start.source: {samples} is not there. Its samples are counted all the same.", err=True
        )
        stand_in["training"] = {"cold_start": {"source": "params.yaml"}}
    launcher = scale.training.machine.accelerate_config
    if launcher is not None and not Path(launcher).is_file():
        typer.echo(f"training.machine.accelerate_config: {launcher} is not there. Costs do not depend on it.", err=True)
        stand_in.setdefault("training", {})["machine"] = {"accelerate_config": "params.yaml"}
    stand_in |= _stand_in_of_reward(scale)
    return scale, merge(planning, {"scales": {params.scale: stand_in}})


def _stand_in_of_reward(scale: "Scale") -> dict[str, Any]:
    """What plans the reward where its sentence pairs or its embedder are not there."""
    from viper.models.location import locate

    stand_in: dict[str, Any] = {}
    pairs = scale.reward.calibration.pairs
    if pairs != "world" and not Path(pairs).is_file():
        typer.echo(f"reward.calibration.pairs: {pairs} is not there. Costs do not depend on it.", err=True)
        stand_in["calibration"] = {"pairs": "world"}
    if "embedder" not in scale.models.hub:
        try:
            locate(scale.reward.embedder.path)
        except ViperError as error:
            typer.echo(f"{error}. Costs do not depend on it.", err=True)
            stand_in["embedder"] = {"path": "src"}
    return {"reward": stand_in} if stand_in else {}


def _text(rows: "pd.DataFrame") -> str:
    """The table as a person reads it."""
    shown = rows.rename(columns=lambda name: name.replace("_", " "))
    return shown.to_string(index=False, float_format=_number)


def _number(value: float) -> str:
    if 0 < value < 0.01:
        return "<0.01"
    return f"{value:,.1f}" if value >= 10 else f"{value:.2f}"


def _write_csv(rows: "pd.DataFrame", path: Path) -> None:
    with atomic_write(path) as partial:
        rows.to_csv(partial, index=False, float_format="%.6f")

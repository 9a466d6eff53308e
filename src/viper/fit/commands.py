"""The command that says whether a run's steps fit into the GPUs and machines there are, before anything is loaded."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from viper.errors import ViperError


def register(app: typer.Typer) -> None:
    """Add this area's command."""
    app.command()(fit)


def fit(
    scale: Annotated[str, typer.Option(help="scale of params.yaml")],
    gpu_memory: Annotated[
        float | None, typer.Option(help="gigabytes of each GPU; the default is the scale's own (fit.gpu_memory)")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="what engine: auto stands for, vllm or transformers; the default is what is installed here"),
    ] = None,
    config: Annotated[str, typer.Option(help="JSON: what --config would set besides, over the files")] = "{}",
    output: Annotated[Path | None, typer.Option(help="CSV to write too: every part of every stage")] = None,
) -> None:
    """Say for every step that uses a model what it takes of each GPU and of the machine, and whether that fits.

    What is asked of vLLM has to fit too, the longest prompt with its answer into what vLLM takes.

    Each model's own code runs at true size on tensors without numbers: nothing is downloaded, no GPU is needed. Where a
    step does not fit, its parameters are named that mend it, each with what it saves; the command then ends with an
    error, and the workflow stops before the first training.
    """
    from viper.config.command_line import overrides_of
    from viper.config.loading import read_with
    from viper.files import write_table
    from viper.fit.forecast import forecast, shown, table

    given = overrides_of(config)
    if gpu_memory is not None and not 0 < gpu_memory <= 10_000:
        raise ViperError(f"--gpu-memory {gpu_memory:g}: give the gigabytes of one GPU, such as 80")
    if engine not in (None, "vllm", "transformers"):
        raise ViperError(f"--engine {engine}: give vllm or transformers")
    params = read_with(("--config", {**given, "scale": scale}))
    found = params.scales[params.scale]
    if gpu_memory is not None:
        found = found.model_copy(update={"fit": found.fit.model_copy(update={"gpu_memory": gpu_memory})})
    if found.fit.gpu_memory is None:
        raise ViperError(f"scale {scale} names no GPUs: give --gpu-memory, or fit.gpu_memory in its file")
    if output is not None and output.is_dir():  # said before the minutes that counting takes
        raise ViperError(f"--output {output}: a folder: name a file in it")
    used = engine or _installed()
    forecasts = forecast(found, used)
    if forecasts:
        typer.echo(f"A forecast, not a measurement; engine auto is taken for {used}.")
        typer.echo(shown(forecasts))
    else:
        typer.echo(f"scale {scale} runs on CPUs: nothing to hold to a GPU's memory")
    if output is not None:
        write_table(output, table(forecasts), float_format="%.4f")
    failing = [each.step.name for each in forecasts if not each.fits]
    if failing:
        raise ViperError(
            f"{', '.join(failing)}: more than there is room for. Set what is named above, or use larger GPUs"
        )


def _installed() -> str:
    return "vllm" if find_spec("vllm") else "transformers"

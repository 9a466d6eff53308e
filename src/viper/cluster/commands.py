"""Commands of the preflight: what one node has, and the table of all."""

import logging
import os
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import atomic_write
from viper.layout import MANIFEST

if TYPE_CHECKING:
    from viper.cluster.preflight import Finding, Kind

log = logging.getLogger(__name__)


class Part(StrEnum):
    """Whose jobs a node is looked at for."""

    VLM = "vlm"
    PAINTER = "painter"
    EDITOR = "editor"
    TRAINING = "training"


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(preflight_node)
    app.command()(preflight_table)


def preflight_node(
    kind: Annotated[str, typer.Option(help="what is asked of the node, such as 8cpu-1gpu-64000mb")],
    options: Options,
    out: Annotated[Path, typer.Option(help="findings to write (.json)")],
    part: Annotated[list[Part] | None, typer.Option(help="whose jobs ask for this; repeat")] = None,
) -> None:
    """Hold what this node has against what jobs of one kind ask for, and take a small step of their models."""
    from viper.cluster import preflight

    wanted = preflight.Kind.of(kind)
    findings = []
    for finding in _look(wanted, read_options(options), part or []):
        log.info("%s: %s [%s]", finding.check, finding.found, finding.state)
        findings.append(finding)
    with atomic_write(out) as partial:
        partial.write_text(preflight.to_json(wanted, findings), encoding="utf-8")


def _look(kind: "Kind", sections: object, parts: list[Part]) -> "list[Finding]":
    """All findings, the cheap ones first."""
    import torch

    from viper.cluster import preflight as look

    names = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    sizes = [each.total_memory / 2**30 for each in names]
    shown = [f"{each.name} ({size:.0f} GiB)" for each, size in zip(names, sizes, strict=True)]
    models, machine = sections.models, sections.training.machine
    folders = [models.vlm.path, models.painter.path, models.editor.path]
    lacking = [path for path in folders if not (Path(path) / MANIFEST).is_file()]
    lock = Path("envs/cuda.txt" if torch.version.cuda else "envs/cpu.txt")
    findings = [
        look.driver(kind, torch.version.cuda),
        look.graphics(kind, shown, _working_gpus(len(names)), sizes, sections.fit.gpu_memory),
        look.memory(kind, look.available_mb(), len(os.sched_getaffinity(0))),
        look.disk("disk", Path(), _needed_gb(models.vlm.path) if Part.TRAINING in parts else look.SPARE_GB),
        look.disk("models", Path(models.cache), look.SPARE_GB),
        look.disk("scratch", Path(tempfile.gettempdir()), 1),
        look.network(bool(lacking)),
        look.caches(kind, os.environ),
        look.versions(lock),
    ]
    if Part.VLM in parts:
        findings.append(look.engine(models.vlm.engine, has_gpu=bool(names)))
    return findings + _trials(sections, parts, getattr(torch, machine.precision))


def _working_gpus(number: int) -> int:
    """How many GPUs multiply two matrices."""
    import torch

    working = 0
    for index in range(number):
        try:
            ones = torch.ones(64, 64, device=f"cuda:{index}", dtype=torch.bfloat16)
            working += int((ones @ ones)[0, 0].item() == 64)
        except RuntimeError as error:
            log.warning("cuda:%d: %s", index, error)
    return working


def _needed_gb(folder: str) -> float:
    """Gigabytes that training keeps besides: two checkpoints of twelve bytes a parameter, of weights that have two."""
    from viper.cluster.preflight import SPARE_GB

    weights = sum(path.stat().st_size for path in Path(folder).glob("*.safetensors"))
    return max(SPARE_GB, 2 * 12 * (weights / 2) / 1e9)


def _trials(sections: object, parts: list[Part], precision: object) -> "list[Finding]":
    """One small step of each model that these jobs use, one after another in the time that there is."""
    from viper.cluster import trials
    from viper.cluster.preflight import TRIAL_SECONDS, trial

    models, embedder = sections.models, sections.reward.embedder
    trained = models.vlm.model_copy(update={"device": sections.training.machine.device, "batch_size": 1})
    steps = {
        Part.VLM: ("vlm", models.vlm.path, lambda: trials.try_vlm(models.vlm)),
        Part.TRAINING: ("training", models.vlm.path, lambda: trials.try_vlm(trained, precision)),
        Part.PAINTER: ("painter", models.painter.path, lambda: trials.try_pipeline(models.painter)),
        Part.EDITOR: ("editor", models.editor.path, lambda: trials.try_pipeline(models.editor)),
    }
    wanted = [steps[part] for part in steps if part in parts]
    end, findings = time.monotonic() + TRIAL_SECONDS, []
    for what, path, step in wanted:
        findings.append(trial(what, path, step, end - time.monotonic()))
    if Part.TRAINING in parts:
        findings.append(trial("embedder", embedder.path, lambda: trials.try_embedder(embedder), end - time.monotonic()))
    return findings


def preflight_table(
    findings: Annotated[list[Path], typer.Argument(help="what `preflight-node` wrote on each node")],
) -> None:
    """Print one table of all nodes, then what is wrong and how to mend it; fails where something is.

    What it has read is removed: it holds for this moment only.
    """
    from viper.cluster.preflight import read_findings, table

    once = {os.path.realpath(path): path for path in findings}.values()
    shown, remedies = table([read_findings(path) for path in once])
    typer.echo(shown)
    typer.echo("".join(f"\n{remedy}" for remedy in remedies))
    for path in findings:  # also those that lead to the same file
        path.unlink(missing_ok=True)
    if wrong := sum(remedy.startswith("wrong") for remedy in remedies):
        raise ViperError(f"{wrong} of these would end jobs: mend them as said above, then look again")

"""dvc.yaml from the stages: written by `python -m viper dvc-yaml`, never by hand."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field

from viper.config.loading import load, read
from viper.config.places import PARAMS, SCALES, in_file
from viper.errors import ViperError
from viper.layout import is_of_target
from viper.listings import place_of
from viper.provenance.objects import STORE
from viper.provenance.stages import WHOLE, Stage, is_kept, stage_names, stages, whole
from viper.recorded import read_dvc_file, read_yaml
from viper.workflow import graph as graphs

DVC_YAML = "dvc.yaml"
ARCHIVE = "archive"
HEADER = """\
# Written by `python -m viper dvc-yaml` from the Snakemake graph: do not edit it, write it anew when rules or
# experiments change. Snakemake executes, DVC records: a stage runs the target of its name. What persists survives a
# failed attempt, so that nothing finished is done again. Outs without a remote lie in the repository's own, store/:
# results (tier 1 of docs/reproducing.md); with `remote: archive`: data sets and checkpoints (tiers 2 and 3). A stage of
# results depends on nothing that may be out of reach: in place of a data set, on what that was made from. A dep in
# store/ is the listing of the stored base models.
"""
# The executor is no part of the command, which DVC records: Snakemake itself reads SNAKEMAKE_PROFILE.
COMMAND = "snakemake --config scale={scale} -- {target}"
_COMMAND = re.compile(r"scale=(\w+) -- (\w+)")
CURVES = {
    "reward": "Reward of each training step",
    "completion_length": "Length of answers (tokens)",
    "entropy": "Entropy of answers",
}


def plan(root: Path = Path(), scale: str | None = None) -> tuple[str, list[Stage]]:
    """The scale's name and its stages, as the repository stands.

    Args:
        scale: None takes the scale that params.yaml names.

    Raises:
        ViperError: a parameter is wrong, a stage has no target, or a scale that repeats this one has the name of a
            stage.
    """
    values = read(root / PARAMS)
    scale, listings = scale or str(values.get("scale")), _listings(root)
    names = stage_names(scale, load(scale, root / PARAMS))
    repeated = [name for name in values[SCALES] if values[SCALES][name].get("replicates") == scale]
    if both := sorted({*repeated} & {*names}):
        raise ViperError(f"scales/{both[0]}.yaml: a stage of dvc.yaml has that name already: rename the file")
    planned = stages(graphs.read(names, scale, root), names, scale, values, listings)
    for name in repeated:
        planned += whole(graphs.read(WHOLE, name, root), name, values, listings)
    return scale, planned


def _listings(root: Path) -> dict[str, str]:
    """What the .dvc files track, and the object in the repository's store that stands for it.

    DVC takes no .dvc file for a dep, and the models themselves need not be fetched yet.
    """
    return {
        (path.parent / out.path).relative_to(root).as_posix(): str(place_of(STORE, out.md5))
        for path in stored_files(root)
        for out in read_dvc_file(path)
    }


def stored(root: Path) -> dict[str, Path]:
    """What the .dvc files of the models track, such as the stored base models, and the file of each."""
    return {
        (path.parent / out.path).relative_to(root).as_posix(): path
        for path in stored_files(root)
        for out in read_dvc_file(path)
    }


def stored_files(root: Path) -> list[Path]:
    """The .dvc files of the models."""
    return sorted(path for path in (root / "models").rglob("*.dvc") if path.is_file())


def text(planned: list[Stage]) -> str:
    """The content of dvc.yaml."""
    content: dict[str, Any] = {"stages": {stage.name: _entry(stage) for stage in planned}}
    files = [file for stage in planned for file in stage.files]
    if scores := [file for file in files if file.endswith("/scores.json") and is_of_target(file)]:
        content["metrics"] = scores
    if curves := [file for file in files if file.endswith("/train.csv")]:
        content["plots"] = [
            {
                name: {
                    "title": title,
                    "x": "step",
                    "y": dict.fromkeys(curves, column),
                    "x_label": "step",
                    "y_label": column,
                }
            }
            for column, title in CURVES.items()
            for name in [f"training_{column}"]
        ]
    return HEADER + "\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes what an out is on one line, and lists of names side by side."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.Node:
        is_of_names = all(isinstance(each, str) for each in sequence)
        return super().represent_sequence(tag, sequence, flow_style=is_of_names or flow_style)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.Node:
        is_small = "persist" in mapping
        return super().represent_mapping(tag, mapping, flow_style=is_small or flow_style)


def _entry(stage: Stage) -> dict[str, Any]:
    entry: dict[str, Any] = {"desc": stage.doc} if stage.doc else {}
    entry["cmd"] = COMMAND.format(scale=stage.scale, target=stage.target)
    entry["deps"] = list(stage.deps)
    if stage.params:
        entry["params"] = _params(stage.params)
    if stage.outs:
        entry["outs"] = [{out: {"persist": True} | ({} if is_kept(out) else {"remote": ARCHIVE})} for out in stage.outs]
    return entry


def _params(keys: Iterable[str]) -> list[Any]:
    """Keys as DVC names them: those of params.yaml, then file by file; a file that is one section as a whole."""
    files: dict[str, list[str]] = {}
    for key in keys:
        file, inner = in_file(tuple(key.split(".")))
        files.setdefault(file, []).extend([".".join(map(str, inner))] if inner else [])
    own = files.pop(PARAMS, [])
    return [*own, *({file: found or None} for file, found in sorted(files.items()))]


def check(root: Path = Path(), scale: str | None = None) -> tuple[str, list[Stage]]:
    """Return the scale and the stages that dvc.yaml describes, once it agrees with the graph.

    Args:
        scale: None takes the one that dvc.yaml is about.

    Raises:
        ViperError: it does not: which stages differ, in what, and what to do.
    """
    path = root / DVC_YAML
    recorded = _read(path)
    told = recorded_scale(recorded)
    if scale not in (None, told):
        raise ViperError(f"dvc.yaml is about scale {told}, not {scale}: run `python -m viper dvc-yaml --scale {scale}`")
    planned = plan(root, told)[1]
    wanted = yaml.safe_load(text(planned))
    if differences := _differences(recorded, wanted):
        raise ViperError(
            "dvc.yaml and the Snakemake graph disagree: run `python -m viper dvc-yaml` and commit dvc.yaml\n"
            + "\n".join(f"  {line}" for line in differences)
        )
    return told, planned


def recorded_scale_of(root: Path) -> str:
    """The scale that the repository's dvc.yaml is about."""
    return recorded_scale(_read(root / DVC_YAML))


def scales_of(root: Path) -> list[str]:
    """The scale that the repository's dvc.yaml is about, and those that repeat it."""
    return list(dict.fromkeys(scale for scale, _ in targets_of(root).values()))


def targets_of(root: Path) -> dict[str, tuple[str, str]]:
    """The stages of the repository's dvc.yaml, in their order, each with the scale and the target that it runs."""
    stages = _read(root / DVC_YAML)["stages"]
    return {name: _COMMAND.search(stage["cmd"]).groups() for name, stage in stages.items()}


def recorded_scale(content: dict[str, Any]) -> str:
    """The scale that a dvc.yaml is about: its commands name it."""
    command = next(iter(content["stages"].values()))["cmd"]
    return _COMMAND.search(command).group(1)


class _Stage(BaseModel, extra="allow"):
    """What is relied upon in a stage of dvc.yaml; the rest is compared with the graph."""

    cmd: Annotated[str, Field(pattern=_COMMAND)]


class _Content(BaseModel, extra="allow"):
    """What is relied upon in dvc.yaml."""

    stages: Annotated[dict[str, _Stage], Field(min_length=1)]


def _read(path: Path) -> dict[str, Any]:
    """The content of a dvc.yaml.

    Raises:
        ViperError: it is missing or broken.
    """
    remedy = f"Write it anew: `python -m viper dvc-yaml`; or put it back: `git checkout HEAD -- {DVC_YAML}`"
    return read_yaml(path, _Content, remedy).model_dump(exclude_unset=True)


def _differences(recorded: dict, wanted: dict) -> list[str]:
    lines = []
    for name in dict.fromkeys([*recorded["stages"], *wanted["stages"]]):
        old, new = recorded["stages"].get(name), wanted["stages"].get(name)
        if old is None:
            lines.append(f"stage {name} is missing: the graph has a target of that name")
        elif new is None:
            lines.append(f"stage {name} is too much: no target of that name is to be a stage")
        else:
            for key in ("cmd", "desc", "deps", "params", "outs"):
                before, after = _items(old.get(key)), _items(new.get(key))
                lines += [f"stage {name} lacks the {key.rstrip('s')} {item}" for item in sorted(after - before)]
                lines += [f"stage {name} has the {key.rstrip('s')} {item} too much" for item in sorted(before - after)]
    if not lines and recorded != wanted:
        lines.append("metrics or plots differ")
    return lines


def _items(value: Any) -> set[str]:
    items = value if isinstance(value, list) else [value] if value else []
    return {text for item in items for text in _spelled(item)}


def _spelled(item: Any) -> list[str]:
    """An item in words: a dep, an out with its settings, keys of a file."""
    if isinstance(item, str):
        return [item]
    ((name, more),) = item.items()
    return [f"{name}:{key}" for key in more] if isinstance(more, list) else [f"{name} {more}" if more else name]

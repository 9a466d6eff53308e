"""Reading params.yaml: `load` gives the section models of one scale, or one message that says what to mend.

Nothing here imports torch or a model library: a mistake in params.yaml must show within a second.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from viper.config.explaining import explain
from viper.config.inheritance import EMPTY, resolve, sources
from viper.config.schema import Params, Scale
from viper.config.yaml_file import parse_yaml, read_yaml
from viper.errors import ViperError


def load(
    scale: str | None = None, path: str | Path = "params.yaml", overrides: Mapping[str, Any] | None = None
) -> Scale:
    """Return the checked parameters of one scale.

    Args:
        scale: name of the scale; None takes the file's own `scale`.
        path: the YAML file.
        overrides: dotted key within the scale → value, for example {"training.phases.csr.steps": 3}; set after
            `extends` is resolved, so that nothing follows it.

    Raises:
        ViperError: the file is missing or is no YAML, or a key or value is wrong: which one, and what to do.
    """
    written = read(path)
    values = _resolve(written, str(path))
    if scale is not None:
        values["scale"] = scale
    for key, value in (overrides or {}).items():
        _set(values, ["scales", str(values.get("scale")), *key.split(".")], value)
    params = validate(values, source=str(path), written=written)
    return params.scales[params.scale]


def read(path: str | Path = "params.yaml") -> dict[str, Any]:
    """Return what a parameter file holds, not checked yet: see `viper.config.yaml_file.read_yaml`."""
    return read_yaml(path)


def read_run(assignments: Sequence[str] = (), files: Sequence[str | Path] = ()) -> Params:
    """Return the checked parameters of a run of Snakemake.

    Args:
        assignments: of --config, such as "scale=smoke" or "scales={micro: {run_seeds: [0]}}"; they have the last word.
        files: of --configfile, merged into params.yaml in their order.

    Raises:
        ViperError: see `load`; which of the sources cannot be read.
    """
    sources = ["params.yaml", *map(str, files), *(["--config"] if assignments else [])]
    values, changed = read(), changes(assignments, files)
    _check_filled(values, changed)
    return validate(merge(values, changed), source=" with ".join(sources))


def changes(assignments: Sequence[str] = (), files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """What a run of Snakemake sets beside params.yaml, not checked yet; the arguments are those of `read_run`."""
    values: dict[str, Any] = {}
    for each in (*map(read, files), *map(assigned, assignments)):
        values = merge(values, each)
    return values


def assigned(assignment: str) -> dict[str, Any]:
    """What one KEY=VALUE of --config sets; VALUE is YAML.

    Raises:
        ViperError: it is no assignment, or its value is no YAML.
    """
    key, is_there, text = assignment.partition("=")
    if not key or not is_there:
        raise ViperError(f"--config {assignment}: write KEY=VALUE, for example scale=smoke")
    if key == "__use_yte__":
        raise ViperError("--config __use_yte__ is refused: parameters are data, no expressions; leave it out")
    return {key: parse_yaml(text, f"--config {key}")}


def merge(values: Any, changes: Any) -> Any:
    """`changes` over `values`: sections key by key, a list or a single value (null too) as a whole."""
    if not isinstance(values, Mapping) or not isinstance(changes, Mapping):
        return changes
    both = {key: merge(values[key], change) if key in values else change for key, change in changes.items()}
    return {**values, **both}


def _check_filled(values: Any, changes: Any, place: tuple[str, ...] = ()) -> None:
    """Whether every section of `changes` below a scale changes something.

    Raises:
        ViperError: one is empty, over a section that is not.
    """
    if not isinstance(values, Mapping) or not isinstance(changes, Mapping):
        return
    if len(place) > 2 and values and not changes:
        raise ViperError(f"{'.'.join(place)} = {{}}: {EMPTY}")
    for key, change in changes.items():
        _check_filled(values.get(key), change, (*place, key))


def validate(
    values: Mapping[str, Any], source: str = "params.yaml", written: Mapping[str, Any] | None = None
) -> Params:
    """Check a mapping with the keys of params.yaml, once every `extends` in it is resolved.

    Args:
        written: the mapping before its `extends` were resolved, where they are already.

    Raises:
        ViperError: one line per mistake: the key, the value, the remedy. A mistake that others take over by `extends`
            is named once, where it is written.
    """
    tree, values = written or values, _resolve(values, source)
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = explain(error, values, Params, partial(sources, tree, values))
        raise ViperError("\n".join(f"{source}: {line}" for line in lines)) from error


def _resolve(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    try:
        return resolve(values)
    except ViperError as error:
        raise ViperError(f"{source}: {error}") from error


def _set(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for depth, key in enumerate(keys[:-1]):
        if not isinstance(values.get(key), dict):
            raise ViperError(f"override {'.'.join(keys)}: there is no section {'.'.join(keys[: depth + 1])}")
        values = values[key]
    values[keys[-1]] = value

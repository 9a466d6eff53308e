"""Reading params.yaml: `load` gives the section models of one scale, or one message that says what to mend.

Nothing here imports torch or a model library: a mistake in params.yaml must show within a second.
"""

import difflib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from viper.config.inheritance import resolve, short
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
    values = _resolve(read(path), str(path))
    if scale is not None:
        values["scale"] = scale
    for key, value in (overrides or {}).items():
        _set(values, ["scales", str(values.get("scale")), *key.split(".")], value)
    params = validate(values, source=str(path))
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
    return validate(merge(read(), changes(assignments, files)), source=" with ".join(sources))


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


def validate(values: Mapping[str, Any], source: str = "params.yaml") -> Params:
    """Check a mapping with the keys of params.yaml, once every `extends` in it is resolved.

    Raises:
        ViperError: one line per mistake: the key, the value, the remedy.
    """
    values = _resolve(values, source)
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = [_explain(values, details) for details in error.errors()]
        raise ViperError("\n".join(f"{source}: {line}" for line in dict.fromkeys(lines))) from error


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


def _explain(values: Mapping[str, Any], details: ErrorDetails) -> str:
    """Turn one of pydantic's errors into "key = value: what is wrong; what to do"."""
    location, model = _locate(values, details["loc"])
    key = ".".join(str(part) for part in location)
    if details["type"] == "missing":
        return f"{key}: is missing: add it"
    if details["type"] == "extra_forbidden":
        name, known = str(location[-1]), sorted(model.model_fields) if model else []
        close = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}" if known else "remove it"
        return f"{key} = {short(details['input'])}: unknown key; {remedy}"
    problem = details["msg"].removeprefix("Value error, ")
    # A check of several keys gets the whole section as its input: the message itself names the values.
    shown = "" if isinstance(details["input"], Mapping | BaseModel) else f" = {short(details['input'])}"
    return f"{key}{shown}: {problem}" if key else problem


def _locate(values: Any, path: tuple[int | str, ...]) -> tuple[list[int | str], type[BaseModel] | None]:
    """Drop from a pydantic location what names a union's member; also return the model that holds the last key."""
    location: list[int | str] = []
    model: type[BaseModel] | None = None
    annotation: Any = Params
    for depth, part in enumerate(path):
        is_last = depth == len(path) - 1
        if not is_last and not _holds(values, part):
            # A discriminated union adds its member's tag to the location, and a plain union the member's class name.
            annotation = _member(annotation, str(part))
            continue
        model = next(iter(_models(annotation)), None)
        location.append(part)
        values = values[part] if _holds(values, part) else None
        annotation = _child(annotation, part)
    return location, model


def _holds(values: Any, part: int | str) -> bool:
    return (isinstance(values, Mapping) and part in values) or (
        isinstance(values, list) and isinstance(part, int) and part < len(values)
    )


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every pydantic model that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in _models(inner)]


def _member(annotation: Any, tag: str) -> Any:
    """The member of a union that pydantic calls `tag`: by its class name, or by the value of a Literal field."""
    for model in _models(annotation):
        literals = [value for field in model.model_fields.values() for value in typing.get_args(field.annotation)]
        if model.__name__ == tag or tag in literals:
            return model
    return annotation


def _child(annotation: Any, part: int | str) -> Any:
    """The annotation of a key or an index inside an annotated value."""
    for model in _models(annotation):
        if part in model.model_fields:
            return model.model_fields[part].annotation
    if typing.get_origin(annotation) in (dict, list, tuple) and typing.get_args(annotation):
        return typing.get_args(annotation)[-1]
    return annotation

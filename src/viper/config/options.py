"""What a step depends on, as the rules hand it to its command: some sections of a scale in one JSON string.

A rule names its sections, `to_json` writes them nested as in the scale, and `read_options` gives an object with the
same attribute paths: where a rule names "models.vlm" and "synthesis.caption", `options.synthesis.caption.temperature`.
What it did not name cannot be read, so that nothing depends on a parameter by accident.
"""

import json
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from pydantic import AfterValidator, BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from viper.config.base import suggestion
from viper.config.explaining import explain
from viper.errors import ViperError
from viper.strict import Strict

Options = Annotated[str, typer.Option(help="JSON: the sections of a scale that the rule of this step names")]

SCHEDULED = "job"  # what a job asks a cluster for: no result depends on it


class Named(dict):
    """A mapping of a scale of which some names are given, such as one phase of `training.phases`."""

    def __missing__(self, name: str) -> Any:
        raise _not_named(str(name), self)


class Part(Strict):
    """A section of a scale of which only some keys are given."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise _not_named(name, type(self).model_fields)


def to_json(scale: BaseModel, sections: Iterable[str]) -> str:
    """Sections of a scale as JSON, nested as they are there; without what only a scheduler reads.

    Args:
        scale: the checked parameters.
        sections: dotted names, such as "models.vlm" or "training.phases.csr"; one below another adds nothing.

    Raises:
        ViperError: the scale has no such section.
    """
    names = set(sections)
    tree: dict[str, Any] = {}
    for section in sorted(names):
        if not any(section.startswith(f"{other}.") for other in names):
            *keys, last = section.split(".")
            node = tree
            for key in keys:
                node = node.setdefault(key, {})
            node[last] = _plain(value_of(scale, section))
    return json.dumps(tree, ensure_ascii=False)


def value_of(scale: BaseModel, section: str) -> Any:
    """What stands under a dotted name of a scale.

    Raises:
        ViperError: nothing does.
    """
    value: Any = scale
    for name in section.split("."):
        known = value if isinstance(value, Mapping) else getattr(type(value), "model_fields", {})
        if name not in known:
            raise ViperError(f"a rule names the section '{section}', and the scale has no '{name}' there: correct it")
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields if name != SCHEDULED}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def read_options(text: str) -> Any:
    """The sections in a command's `--options`, each checked with its part of the schema of a whole scale.

    Returns:
        An object with the attribute paths of `viper.config.schema.Scale`. A section that is given whole is its model;
        of one that is given in part, reading what is not given raises ViperError.

    Raises:
        ViperError: it is no JSON object, or keys or values are wrong: which, and what to do.
    """
    from viper.config.schema import Scale

    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ViperError(f"--options is no JSON ({error}): give sections of a scale of params.yaml") from error
    if not isinstance(values, dict):
        raise ViperError('--options must be an object of sections of a scale, such as {"images": {…}}')
    schema = _part_of(Scale, values)
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        raise ViperError(f"--options: {'; '.join(explain(error, values, schema))}") from error


def _part_of(model: type[BaseModel], values: Mapping[str, Any]) -> type[BaseModel]:
    """A model of just these keys of a section.

    Raises:
        ViperError: the section has no such key.
    """
    known = model.model_fields
    for name in values:
        if name not in known:
            remedy = suggestion(name, [each for each in known if each not in values], known)
            raise ViperError(f"--options: {model.__name__} has no key '{name}': {remedy}")
    kinds = {name: _kind(_annotation(known[name]), value) for name, value in values.items()}
    return create_model(model.__name__, __base__=Part, **{name: (kind, ...) for name, kind in kinds.items()})


def _annotation(field: FieldInfo) -> Any:
    """The annotation of a key with its bounds, which pydantic keeps apart."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _kind(annotation: Any, value: Any) -> Any:
    """The annotation of a value; where only a part of it is given, that of this part."""
    if not isinstance(value, Mapping):
        return annotation
    if models := _models(annotation):
        partial = [model for model in models if set(model.model_fields) - {SCHEDULED} - set(value)]
        known = [model for model in partial if set(value) <= set(model.model_fields)] or partial
        return _part_of(known[0], value) if len(partial) == len(models) else annotation
    if sections := _values_of(annotation):
        kinds = {name: _kind(sections, each) for name, each in value.items()}
        return Annotated[TypedDict("Named", kinds), AfterValidator(Named)]
    return annotation


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models of which a value of this annotation is one; none where it is a list or mapping of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (dict, list, tuple):
        return []
    return [model for inner in typing.get_args(annotation) for model in _models(inner)]


def _values_of(annotation: Any) -> Any:
    """Of a mapping of names to sections, the annotation of a section; None of anything else."""
    if typing.get_origin(annotation) is dict:
        return typing.get_args(annotation)[1]
    if typing.get_origin(annotation) is Annotated:
        return _values_of(typing.get_args(annotation)[0])
    return None


def _not_named(name: str, given: Iterable[str]) -> ViperError:
    return ViperError(
        f"'{name}' is not among the options ({', '.join(given) or 'none'}): name its section in the `sections` of the "
        "rule that runs this command"
    )

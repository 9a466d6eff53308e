"""From pydantic's errors to messages: the key, the value, the remedy; one for each mistake that somebody made."""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from viper.config.base import closest
from viper.config.inheritance import Place, dotted, short
from viper.config.places import SCALE, SCALES


@dataclass(frozen=True)
class _Mistake:
    """One of pydantic's errors: the keys that lead to it, what to say, and whether a member of a union says it."""

    place: Place
    value: str  # " = …", or nothing where the message itself names the values
    problem: str
    is_of_union: bool
    also: tuple[Place, ...] = ()  # where else its section is written, and where others say the same of that


def _first(*places: Place) -> str:
    return dotted(places[0])


def explain(
    error: ValidationError,
    values: Any,
    model: type[BaseModel],
    sources: Callable[[Place], list[Place]] = lambda place: [place],
    spell: Callable[..., str] = _first,
) -> list[str]:
    """The messages of a failed check, each mistake once.

    Args:
        values: what was checked.
        model: what it was checked with.
        sources: of a place in `values`, the places in the file that it is made of, nearest first: a mistake that
            several sections take over is named where it is written.
        spell: how a line names the places that a mistake may stand in, nearest first.

    Returns:
        One line per mistake: "key = value: what is wrong; what to do".
    """
    mistakes = _without_repetitions([_mistake(values, details, model) for details in error.errors()], sources)
    lines: dict[tuple[tuple[Place, ...], str], list[str]] = {}
    for mistake in mistakes:
        lines.setdefault(((mistake.place, *mistake.also), mistake.value), []).append(mistake.problem)
    return [_line(spell(*places), value, list(dict.fromkeys(said))) for (places, value), said in lines.items()]


def _line(key: str, value: str, problems: list[str]) -> str:
    return f"{key}{value}: {', or: '.join(problems)}" if key else ", or: ".join(problems)


def _without_repetitions(mistakes: list[_Mistake], sources: Callable[[Place], list[Place]]) -> list[_Mistake]:
    """The mistakes where they are written, without those that follow from others.

    Where a value may be of several kinds, pydantic says of each why it is not that; what lies deepest was meant.
    """
    kept: list[_Mistake] = []
    said = {(mistake.place, mistake.problem) for mistake in mistakes}
    for mistake in mistakes:
        if mistake.is_of_union and any(
            other.is_of_union
            and len(other.place) > len(mistake.place)
            and other.place[: len(mistake.place)] == mistake.place
            for other in mistakes
        ):
            continue
        nearest, *more = sources(mistake.place)
        if nearest != mistake.place:  # a key that is taken over
            kept.append(replace(mistake, place=nearest))
            continue
        if any((place, mistake.problem) in said for place in more):  # a section that extends another with this mistake
            continue
        mistake = replace(mistake, also=tuple(more))
        alike = next((each for each in kept if each.problem == mistake.problem and _meet(each, mistake)), None)
        if alike:  # two sections that extend the same third one
            kept[kept.index(alike)] = replace(alike, also=_joined(mistake.place, alike.also, mistake.also))
        else:
            kept.append(mistake)
    return list(dict.fromkeys(kept))


def _meet(one: _Mistake, other: _Mistake) -> bool:
    return not set(one.also).isdisjoint(other.also)


def _joined(place: Place, *chains: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys([place, *(each for chain in chains for each in chain)]))


def _mistake(values: Any, details: ErrorDetails, root: type[BaseModel]) -> _Mistake:
    kind = details["type"]
    place, model, is_of_union = _locate(values, details["loc"], root, is_missing=kind == "missing")
    # A check of several keys gets the whole section as its input: the message itself names the values.
    is_section = isinstance(details["input"], Mapping | BaseModel)
    value = "" if is_section and kind != "extra_forbidden" else f" = {short(details['input'])}"
    if kind == "missing":
        return _Mistake(place, "", "is missing: add it", is_of_union)
    if kind == "extra_forbidden":
        known = sorted(model.model_fields) if model else []
        # What scales share stands beside the two keys of params.yaml that are no scale's.
        close = closest(str(place[-1]), [*known, *((SCALE, SCALES) if place[0] == SCALES and len(place) == 3 else ())])
        remedy = f"did you mean {close!r}?" if close else f"known here: {', '.join(known)}" if known else "remove it"
        return _Mistake(place, value, f"unknown key; {remedy}", is_of_union)
    if kind == "too_short":
        least = details.get("ctx", {}).get("min_length", 1)
        return _Mistake(
            place, value, f"must hold at least {least}, not {details['ctx']['actual_length']}: add more", is_of_union
        )
    return _Mistake(place, value, details["msg"].removeprefix("Value error, "), is_of_union)


def _locate(
    values: Any, path: tuple[int | str, ...], root: type[BaseModel], *, is_missing: bool
) -> tuple[Place, type[BaseModel] | None, bool]:
    """Drop from a pydantic location what is no key: the name of a union's member, or that it is a key that is wrong.

    Returns:
        The keys; the model that holds the last of them; whether something was dropped.
    """
    place: list[int | str] = []
    model: type[BaseModel] | None = None
    annotation: Any = root
    for depth, part in enumerate(path):
        if not _holds(values, part) and not (is_missing and depth == len(path) - 1):
            # A discriminated union adds its member's tag to the location, and a plain union the member's name.
            annotation = _member(annotation, str(part))
            continue
        model = next(iter(_models(annotation)), None)
        place.append(part)
        values = values[part] if _holds(values, part) else None
        annotation = _child(annotation, part)
    return tuple(place), model, len(place) < len(path)


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

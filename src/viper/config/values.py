"""Parameters by their dotted places: what stands there, whether there is such a place, the same with another value."""

from collections.abc import Mapping
from typing import Any


def value_at(section: Any, place: str) -> Any:
    """What stands at a dotted place; None where there is no such parameter."""
    for name in place.split("."):
        section = section.get(name) if isinstance(section, Mapping) else getattr(section, name, None)
    return section


def has_place(section: Any, place: str) -> bool:
    """Whether a dotted place names a parameter."""
    *outer, last = place.split(".")
    holder = value_at(section, ".".join(outer)) if outer else section
    return last in (holder if isinstance(holder, Mapping) else getattr(type(holder), "model_fields", {}))


def with_value(section: Any, place: str, value: Any) -> Any:
    """A section with another value at a dotted place."""
    name, _, rest = place.partition(".")
    inner = with_value(value_at(section, name), rest, value) if rest else value
    if isinstance(section, Mapping):
        return {**section, name: inner}
    return section.model_copy(update={name: inner})

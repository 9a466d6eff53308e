"""Plain English for pictures of anything: entities as fields between bars, changes from templates (english.yaml)."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, StrictUndefined

from viper.reward.sentences import normalize
from viper.synthesis.heuristics import Agreement, Change

_FIELDS = ("name", "color", "size", "shape", "number", "text", "place")
_EMPTY = ("", "-", "–", "none", "n/a", "unknown")


@dataclass(frozen=True)
class Entity:
    """A hard entity as the VLM lists it; '' where a field does not apply."""

    name: str
    color: str = ""
    size: str = ""
    shape: str = ""
    number: str = ""
    text: str = ""
    place: str = ""


@cache
def _templates() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent / "english.yaml").read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    return Environment(undefined=StrictUndefined, autoescape=False)


def parse_entity(line: str) -> Entity | None:
    """Read 'mug | blue | small | - | 1 | COFFEE | left of the laptop'; None where the bars or the name are missing."""
    fields = [field.strip().strip("\"'“”") for field in line.strip().strip("-*• ").split("|")]
    if len(fields) != len(_FIELDS):
        return None
    fields = ["" if field.lower() in _EMPTY else field for field in fields]
    return Entity(*fields) if fields[0] else None


class EnglishLanguage:
    """Entities of any picture; what they change to comes from the lists in english.yaml."""

    def read(self, caption: str, answer: str, agreement: Agreement) -> tuple[list[Entity], list[Entity]]:
        """The entities, one per line, twice: nothing else is known of the picture, its free places least of all."""
        entities = list(dict.fromkeys(filter(None, map(parse_entity, answer.splitlines()))))
        return entities, entities

    def mentions(self, caption: str, entity: Entity) -> bool:
        """Whether every word of the entity's name and attributes is a word of the caption, in any case."""
        return _words(_phrase(entity)) <= _words(caption)

    def key(self, sentence: str) -> str:
        """The sentence as it is scored: two wordings stay two."""
        return normalize(sentence)

    def kind(self, sentence: str) -> str:
        """Unknown: statements are in the words of templates, refinements in the critic's own."""
        return ""

    def propose(self, rng: np.random.Generator, described: list[Entity], type: str, entity: Entity) -> Change | None:
        """A change by the lists of english.yaml; see `Language.propose`."""
        words, after = _templates()["words"], None
        fields: dict[str, str] = {}
        match type:
            case "color" | "size" | "shape":
                before = getattr(entity, type).lower()
                if before not in words[type]:  # 'pinkish' or 'patterned' has no clear opposite
                    return None
                fields = {"before": before, "after": _other(rng, words[type], before)}
            case "text":
                if not entity.text:
                    return None
                kind = "numbers" if entity.text.isdigit() else "texts"
                fields = {"before": entity.text, "after": _other(rng, words[kind], entity.text)}
            case "position":
                if not entity.place or entity.number not in ("", "1"):
                    return None
                fields = {"before": entity.place, "after": _other(rng, words["places"], entity.place)}
            case "add":
                things = [thing for thing in words["things"] if all(thing["name"] != one.name for one in described)]
                if not things:
                    return None
                after = things[int(rng.integers(len(things)))]
                place = words["places"][int(rng.integers(len(words["places"])))]
                fields = {"thing": f"{after['color']} {after['name']}", "after": place}
            case "remove":
                if entity.number not in ("", "1"):
                    return None
            case "count":
                if not entity.number.isdigit() or not 2 <= int(entity.number) <= 6:
                    return None
                number = int(entity.number)
                fields = {"before": str(number), "after": str(number + (1 if rng.random() < 0.5 else -1))}
            case _:
                raise ValueError(f"unknown operation type {type!r}")
        newcomer = Entity(after["name"], after["color"], number="1", place=fields["after"]) if type == "add" else None
        said = {"entity": _phrase(entity, leave_out=type), "name": entity.name, "place": entity.place, **fields}
        templates = _templates()["changes"][type]
        statement, instruction = (
            _environment().from_string(templates[form]).render(said) for form in ("statement", "instruction")
        )
        # What is added belongs to no entity; one addition a picture is enough to find.
        touches = frozenset({"addition" if type == "add" else _phrase(entity)})
        return Change(type, statement, instruction, touches, newcomer)

    def joined(self, described: list[Entity], newcomer: Entity) -> list[Entity]:
        """The entities with one more."""
        return [*described, newcomer]

    def texts(self, caption: str) -> list[str]:
        """What stands between quotation marks in a caption."""
        return re.findall(r'["“]([^"“”]+)["”]', caption)

    def differences(self, meant: str, said: str, rng: np.random.Generator) -> None:
        """Two texts of any pictures cannot be held to each other."""
        return None


def _other(rng: np.random.Generator, words: list[str], present: str) -> str:
    others = [word for word in words if word.lower() != present.lower()]
    return others[int(rng.integers(len(others)))]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _phrase(entity: Entity, leave_out: str = "") -> str:
    """'small blue mug'; without the attribute that a change is about, which its sentence names itself."""
    parts = [getattr(entity, name) for name in ("size", "color", "shape") if name != leave_out]
    return " ".join([*filter(None, parts), entity.name])

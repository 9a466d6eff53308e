"""DVC's own files: dvc.lock, dvc.yaml and the .dvc files, read with a schema and one message.

They are git's: no digest was noted of them, and a conflict of a merge is the usual way in which they break.
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from viper.errors import ViperError

DVC_LOCK = "dvc.lock"
REMEDY = (
    f"Take one version of it: `git checkout HEAD -- {DVC_LOCK}` for the last commit's; to record anew, remove it first"
)
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)

Schema = TypeVar("Schema")


class Out(BaseModel):
    """A file or folder as DVC records it; the MD5 of a folder ends in .dir."""

    path: Annotated[str, Field(min_length=1, pattern=r"^[^/]")]
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]+(\.dir)?$")]


class StageRecord(BaseModel):
    """A stage of dvc.lock."""

    deps: list[dict[str, Any]] = []
    params: dict[str, dict[str, Any]] = {}
    outs: list[Out] = []


class LockFile(BaseModel):
    """The content of dvc.lock."""

    stages: dict[str, StageRecord]


class DvcFile(BaseModel):
    """The content of a .dvc file."""

    outs: Annotated[list[Out], Field(min_length=1)]


@dataclass(frozen=True)
class Entry:
    """An out of a stage as dvc.lock has it: its path, MD5 (ending in .dir for a folder) and stage."""

    path: str
    md5: str
    stage: str


class Lock:
    """The content of a dvc.lock.

    Args:
        text: of the file; None where there is no file, since nothing was recorded yet. A file that records nothing is
            a broken one: DVC writes none.
        name: of the file, for messages.
        remedy: for messages: how to mend the file.

    Raises:
        ViperError: it is no dvc.lock, or records no file.
    """

    def __init__(self, text: str | None, name: str = DVC_LOCK, remedy: str = REMEDY):
        if text is not None and not text.strip():
            raise ViperError(f"{name}: empty. {remedy}")
        self.stages = {} if text is None else parse_yaml(text, LockFile, name, remedy).stages
        self.outs = {
            out.path: Entry(out.path, out.md5, stage) for stage, record in self.stages.items() for out in record.outs
        }
        if text is not None and not self.outs:
            raise ViperError(f"{name}: records no file. {remedy}")

    def covering(self, path: str) -> Entry | None:
        """The out that is `path` or the folder that holds it."""
        parts = Path(path).parts
        found = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.outs[place] for place in found if place in self.outs), None)

    def disagreements(self, one: str, other: str) -> list[str]:
        """What two stages were recorded with in different versions: parameters and deps, so not in one run."""
        first, second = (_made_with(self.stages[name]) for name in (one, other))
        return sorted(key for key in first.keys() & second.keys() if first[key] != second[key])

    def behind(self, stage: str) -> set[str]:
        """A stage, and all stages whose outs it read, directly or through others."""
        found, waiting = set(), [stage]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                made = (self.outs.get(str(dep.get("path"))) for dep in self.stages[name].deps)
                waiting += [out.stage for out in made if out]
        return found

    def older(self, outdated: Collection[str]) -> frozenset[str]:
        """The stages whose record is of an older run than that of the others.

        That is what `dvc repro TARGET` leaves of the stages that TARGET does not need: it records no data sets, and no
        tables of other experiments.

        Args:
            outdated: stages that were recorded with other parameters or code than those that are here. Such a stage is
                older where one that is not outdated disagrees with it; a stage is, too, that read other inputs than are
                recorded now, or that read what an older one made. Stages that have no record, such as those of a new
                experiment, are no older ones.
        """
        others = self.stages.keys() - set(outdated)
        recorded = self.stages.keys() & set(outdated)
        older = {name for name in recorded if any(self.disagreements(name, other) for other in others)}
        while True:
            found = {
                name
                for name, record in self.stages.items()
                for dep in record.deps
                if (entry := self.outs.get(str(dep.get("path"))))
                and (entry.stage in older or dep.get("md5") != entry.md5)
            }
            if found <= older:
                return frozenset(older)
            older |= found


def _made_with(record: StageRecord) -> dict[str, Any]:
    """FILE:KEY → value of every single parameter, and path → MD5 of every dep."""
    params = {f"{file}:{key}": value for file, keys in record.params.items() for key, value in _leaves(keys).items()}
    return params | {str(dep.get("path")): dep.get("md5") for dep in record.deps}


def _leaves(values: dict[str, Any], start: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _leaves(value, f"{start}{key}.") if isinstance(value, dict) and value else {f"{start}{key}": value}
    return found


def read_lock(root: Path = Path()) -> Lock:
    """The work tree's dvc.lock; one without stages where there is none, since nothing was recorded yet.

    Raises:
        ViperError: it is broken, or records nothing.
    """
    path = root / DVC_LOCK
    return Lock(_text(path, REMEDY) if os.path.lexists(path) else None, str(path))


def read_dvc_file(path: Path) -> list[Out]:
    """What a .dvc file tracks; paths are relative to its folder.

    Raises:
        ViperError: it is broken.
    """
    remedy = f"Put it back: `git checkout HEAD -- {path}`"
    return parse_yaml(_text(path, remedy), DvcFile, str(path), remedy).outs


def read_yaml(path: Path, schema: type[Schema], remedy: str) -> Schema:
    """Read one of the YAML files that git tracks as a `schema`.

    Raises:
        ViperError: it cannot be read, or is not of that form.
    """
    return parse_yaml(_text(path, remedy), schema, str(path), remedy)


def parse_yaml(text: str, schema: type[Schema], name: str, remedy: str) -> Schema:
    """Read YAML as a `schema`: a pydantic model, or any type that pydantic knows.

    Raises:
        ViperError: it holds the marks of a conflict, is no YAML, or not of that form: `name`, the place, `remedy`.
    """
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise ViperError(f"{name}, line {line}: the marks of a merge's conflict stand here. {remedy}")
    try:
        # libyaml reads a dvc.lock about ten times as fast, and Snakemake waits for it at every start
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2024-99-99
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ViperError(f"{name}{place}: no YAML: {problem}. {remedy}") from error
    try:
        return TypeAdapter(schema).validate_python(content)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}".removeprefix(": ") for each in error.errors()]
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise ViperError(f"{name}: {'; '.join(found[:3])}{more}. {remedy}") from error


def _text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ViperError(f"{path}: not UTF-8 text (byte {error.start}). {remedy}") from error
    except FileNotFoundError as error:
        raise ViperError(f"{path}: missing. {remedy}") from error
    except OSError as error:
        raise ViperError(f"{path}: cannot be read: {error.strerror}. {remedy}") from error

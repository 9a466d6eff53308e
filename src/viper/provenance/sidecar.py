"""The record beside every table and figure, FILE.provenance.json: what it was made from, and by which run.

What a command read and wrote is observed, not declared: Python reports each file that is opened or moved into place
(`sys.addaudithook`), so the record names what was really read. It has two parts. `made_from` (command with all its
parameters, MD5 of every input) is the same wherever and whenever the file is made; `id` is its hash, and the one that a
PNG or SVG carries in its metadata. `run` (time, machine, commit, versions) differs from run to run, so it stays out of
the hash and out of the picture: pictures made from the same inputs in the same way are the same bytes.
"""

import hashlib
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import requires, version
from itertools import pairwise
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from pydantic import AliasChoices, BaseModel, Field

from viper.errors import ViperError
from viper.files import atomic_write
from viper.layout import DATA, MODELS, RESULTS, is_of_target, seed_of
from viper.reading import read_json
from viper.tools import call, has_git

log = logging.getLogger(__name__)

SUFFIX = ".provenance.json"
CARRIERS = {".csv", ".json", ".md", ".png", ".svg", ".pdf", ".parquet"}
INPUTS = tuple(f"{folder}/" for folder in (DATA, MODELS, RESULTS))


def has_sidecar(path: str | Path) -> bool:
    """Whether a file is a table or a figure, which carries its provenance beside it."""
    path = Path(path)
    return is_of_target(path.as_posix()) and path.suffix in CARRIERS and not path.name.endswith(SUFFIX)


class Trace:
    """What this process reads and writes below the repository, from now on."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.root = Path.cwd()
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.moved: set[str] = set()  # into place, but made by somebody else
        sys.addaudithook(self._observe)

    def _observe(self, event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[1], str) and arguments[1].startswith("r"):
            self.read.add(str(arguments[0]))
        elif event == "os.rename":
            self.written.add(str(arguments[1]))

    def _inside(self, paths: Iterable[str]) -> set[str]:
        """Those of the paths that lie in the repository, relative to it."""
        found = {Path(self.root, path) for path in paths}
        return {path.relative_to(self.root).as_posix() for path in found if path.is_relative_to(self.root)}

    def made_from(self) -> dict[str, Any]:
        """The command line, and the MD5 of each file of data, models or results that was read so far."""
        written = self._inside(self.written)
        read = self._inside(self.read | set(sys.argv[2:])) - written
        inputs = sorted(path for path in read if path.startswith(INPUTS) and Path(path).is_file())
        return {"command": sys.argv[1:], "inputs": {path: md5(path) for path in inputs if not path.endswith(SUFFIX)}}

    def write(self) -> None:
        """Write the record of every table and figure that was made.

        A record that says the same of the same bytes stays as it is: rebuilding a figure does not change its date.
        """
        written = self._inside(self.written) - self._inside(self.moved)
        made = sorted(path for path in written if has_sidecar(path) and Path(path).is_file())
        if not made:
            return
        made_from = self.made_from()
        run = describe_run(round(time.perf_counter() - self.start, 2), made_from)
        for path in made:
            record = {"file": path, "md5": md5(path), "id": identity(made_from), "made_from": made_from, "run": run}
            place = Path(path + SUFFIX)
            if not _says_the_same(place, record):
                with atomic_write(place) as partial:
                    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


_trace: Trace | None = None


def observe() -> Trace:
    """Observe this process from now on; `current_id` then knows what a figure is made from."""
    global _trace
    _trace = Trace()
    return _trace


def not_made(path: str | Path) -> None:
    """Say that this process only fetches or moves a file: it keeps the record that it has."""
    if _trace:
        _trace.moved.add(str(path))


def current_id() -> str | None:
    """The hash of what this process's outputs are made from; None outside the command line."""
    return identity(_trace.made_from()) if _trace else None


def identity(made_from: dict[str, Any]) -> str:
    """SHA-256 of a `made_from`, in hexadecimal."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


class _MadeFrom(BaseModel):
    command: list[str]
    inputs: dict[str, str]


class _Machine(BaseModel):
    system: str
    processor: str = ""
    cores: int | None


class _Run(BaseModel):
    commit: str | None
    dirty: bool
    seeds: list[int] = Field(validation_alias=AliasChoices("seeds", "run_seeds"))  # the second: of earlier versions
    seconds: float
    finished: str
    machine: _Machine
    python: str
    packages: dict[str, str]


class Record(BaseModel):
    """What stands in a FILE.provenance.json."""

    file: str
    md5: str
    id: str
    made_from: _MadeFrom
    run: _Run


def read_sidecar(path: str | Path) -> dict[str, Any] | None:
    """The record beside a table or figure; None where there is none.

    Raises:
        ViperError: it is broken.
    """
    place = Path(f"{path}{SUFFIX}")
    if not place.exists():
        return None
    remedy = f"Remove it together with {path}, and run the same target again; or fetch both: `make pull`"
    return read_json(place, Record, remedy).model_dump()


def describe_run(seconds: float, made_from: dict[str, Any]) -> dict[str, Any]:
    """Commit, whether the work tree differs from it, seeds, wall time, machine and package versions."""
    words = made_from["command"]
    seeds = {word for flag, word in pairwise(words) if flag == "--seed"}
    seeds |= {str(seed) for path in made_from["inputs"] if (seed := seed_of(path)) is not None}
    # A figure has the seeds of its tables.
    seeds |= {
        seed for path in made_from["inputs"] for seed in (read_sidecar(path) or {"run": {}})["run"].get("seeds", ())
    }
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock")),
        "seeds": sorted(map(int, seeds)),
        "seconds": seconds,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
        "python": platform.python_version(),
        "packages": packages(),
    }


@cache
def packages() -> dict[str, str]:
    """Installed version of each package that this project depends on by name, on this platform."""
    asked = [Requirement(line) for line in requires("viper") or []]
    here = [each.name for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
    return {name: version(name) for name in sorted(here)}


def md5(path: str | Path) -> str:
    """MD5 of a file, in hexadecimal: the hash by which DVC names it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _says_the_same(place: Path, record: dict[str, Any]) -> bool:
    if not place.is_file():
        return False
    try:
        before = read_json(place, Record)
    except ViperError:  # a broken one is written anew
        return False
    return all(getattr(before, key) == record[key] for key in ("file", "md5", "id"))


def _git(*arguments: str) -> str | None:
    """What git says; None outside a repository, and with a warning where git refuses."""
    if not has_git():
        return None
    try:
        return call("git", *arguments).strip()
    except ViperError as error:
        log.warning("the records of this command name no commit: %s", error)
        return None

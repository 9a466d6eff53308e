"""`make gpu-check`: what the paper's models take on the GPU at hand, within a few minutes and without a network.

It runs with any Python that has torch and transformers, from a plain checkout: what else a part needs may come as a
folder of wheels. A part that lacks something, that the card is too small for, or that takes too long becomes a row that
says so. Rows are in the table as soon as they are known.
"""

import argparse
import csv
import lzma
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from viper.bench.gpu import rows
from viper.bench.gpu.parts import LEAST, PARTS
from viper.errors import ViperError

SECONDS = 510.0  # of nine minutes, the rest is for starting and ending
WHOLE = "the whole part"  # what a row is about that stands for rows that are not there
_LOOK = 0.5  # seconds between looks for new rows
_STATED = (
    "device",
    "memory_gb",
    "driver",
    "cuda",
    "python",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "diffusers",
)
_COLUMNS = [*rows.COLUMNS, *_STATED]
# Whichever of these a damaged archive meets first.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError)


def main(arguments: list[str] | None = None) -> int:
    """Measure all parts; 0 if none of them failed, whatever did not fit."""
    parser = argparse.ArgumentParser(prog="make gpu-check", description=__doc__)
    parser.add_argument(
        "--out", type=_table, required=True, help="table to write (.csv); the programs' own words go beside (.log)"
    )
    parser.add_argument("--wheels", type=Path, help="folder of wheels, or of packages, that come before all others")
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, help="that all parts may take together")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="few numbers of everything: a test of the programs")
    parser.add_argument(
        "--only",
        choices=PARTS,
        action="append",
        help="parts to measure instead of all; the table keeps its rows of the others",
    )
    given = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="viper-gpu-") as folder:
            check = Check(given, Path(folder))
            return check.run()
    except ViperError as error:
        print(f"make gpu-check: {error}", file=sys.stderr)
        return error.status


class Check:
    """One measurement of all parts.

    Args:
        given: the command line.
        scratch: an empty folder.

    Raises:
        ViperError: torch or transformers is missing or too old, or the wheels cannot be read, or what is to be kept of
            the table.
    """

    def __init__(self, given: argparse.Namespace, scratch: Path):
        self.given, self.scratch = given, scratch
        self.environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        if given.wheels:
            before = [str(folder) for folder in _unpacked(given.wheels, scratch / "wheels")]
            sys.path[:0] = before
            known = self.environment.get("PYTHONPATH", "").split(os.pathsep)
            self.environment["PYTHONPATH"] = os.pathsep.join([*before, *filter(None, known)])
        _require()
        self.kept = _written(given.out) if given.only and given.out.exists() else []
        self.rows: list[rows.Row] = []
        self.failed = False

    def run(self) -> int:
        """Measure every part within its share of the time."""
        given, end = self.given, time.monotonic() + self.given.seconds
        names = ["device", *(name for name in PARTS if name != "device" and name in (given.only or PARTS))]
        self.log = given.out.with_suffix(".log")
        with _whole(self.log) as new:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_text("", encoding="utf-8")
        for place, name in enumerate(names):
            shares = [PARTS[other].share for other in names[place:]]
            seconds = share_of(max(0.0, end - time.monotonic()), shares)
            if missing := PARTS[name].missing:
                self.add([rows.Row(name, WHOLE, note=f"not measured: needs {', '.join(missing)}")])
            else:
                self.measure(name, seconds)
            if name == "device" and self.failed:  # no GPU: the others would say the same
                break
        return int(self.failed)

    def measure(self, name: str, seconds: float) -> None:
        """Run one part in a process of its own, and take over its rows as they come."""
        path = self.scratch / "rows.jsonl"
        path.unlink(missing_ok=True)
        taken = 0
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"== {name}, {seconds:.0f} s\n")
            log.flush()
            environment = self.environment | PARTS[name].environment
            process = subprocess.Popen(
                self.command(name, path, seconds), stdout=log, stderr=log, env=environment, start_new_session=True
            )
            try:
                for _ in _until(process, seconds):
                    taken += self.add(rows.read(path)[taken:])
            finally:
                was_late = process.poll() is None
                _end(process)
        taken += self.add(rows.read(path)[taken:])
        if was_late:
            note = f"stopped after {seconds:.0f} s, its share of the time; {taken} rows were measured by then"
            self.add([rows.Row(name, WHOLE, note=note)])
        elif process.returncode:
            self.failed = True
            said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            self.add([rows.Row(name, WHOLE, note=f"failed: {said[-1]} (more in {self.log})")])

    def command(self, name: str, path: Path, seconds: float) -> list[str]:
        """The command line of one part, which writes its rows to `path`."""
        arguments = ["--device", self.given.device, "--rows", str(path), "--seconds", f"{seconds:.1f}"]
        return [sys.executable, "-m", "viper.bench.gpu.one", name, *arguments, *(["--tiny"] * self.given.tiny)]

    def add(self, new: list[rows.Row]) -> int:
        """Add rows to the table, and print them; returns how many."""
        if new:
            self.rows += new
            self.write()
            for row in new:
                print(shown(row), flush=True)
        return len(new)

    def write(self) -> None:
        """Write the table as far as it is known: each row with the device and the versions.

        What is kept of an earlier table comes first: its rows of parts that no row is known of now.
        """
        known = {row.part for row in self.rows}
        facts = {row.what: row.note for row in self.rows if row.part == "device" and row.value is None}
        stated = {name: facts.get(name, "") for name in _STATED}
        with _whole(self.given.out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(row for row in self.kept if row["part"] not in known)
            for row in self.rows:
                if row.part != "device" or row.what not in _STATED:
                    table.writerow(
                        {**asdict(row), "value": _number(row.value), "planned": _number(row.planned), **stated}
                    )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file to write that becomes `path`. Not by `viper.files`, which needs a package that not every Python has.

    Raises:
        ViperError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.part")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise ViperError(f"{path}: cannot be written ({error.strerror}): name another --out") from error
    finally:
        partial.unlink(missing_ok=True)


def _seconds(text: str) -> float:
    """A time that something can be done in.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0: leave it out, or write 510")
    return seconds


def _table(text: str) -> Path:
    """The path of a table, beside which a log of the same name has its place.

    Raises:
        argparse.ArgumentTypeError: it is that of something else.
    """
    if Path(text).suffix != ".csv":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .csv: name a table, such as gpu.csv")
    return Path(text)


def _written(path: Path) -> list[dict[str, str]]:
    """The rows of a table that an earlier measurement wrote. Not by `viper.reading`, which not every Python can import.

    Raises:
        ViperError: it cannot be read, or is another table.
    """
    remedy = "move it away, or name another --out"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file, strict=True)
            header, found = list(table.fieldnames or []), list(table)
    except (OSError, ValueError, csv.Error) as error:
        raise ViperError(f"{path}: its rows cannot be kept ({error}): {remedy}") from error
    if header != _COLUMNS:
        raise ViperError(f"{path}: its rows cannot be kept, it has other columns than are written now: {remedy}")
    for number, row in enumerate(found, start=1):
        if None in row or None in row.values():
            raise ViperError(f"{path}, row {number}: its rows cannot be kept, this has not one cell a column: {remedy}")
    return found


def share_of(seconds: float, shares: list[float]) -> float:
    """How many of the seconds that are left the first of these shares gets."""
    return seconds * shares[0] / sum(shares)


def shown(row: rows.Row) -> str:
    """A row as a person reads it."""
    value = f"{_number(row.value)} {row.unit}" if row.value is not None else ""
    planned = f"(planned: {_number(row.planned)})" if row.planned is not None else ""
    return "  ".join(filter(None, [f"{row.part}: {row.what}", row.setting, value, planned, row.note]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _until(process: subprocess.Popen, seconds: float) -> Iterator[None]:
    """Again and again until the process or the time is over."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))
        yield


def _end(process: subprocess.Popen) -> None:
    """End the process, and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _unpacked(folder: Path, target: Path) -> list[Path]:
    """Folders to import from: the given one, which may hold packages, and one with what its wheels hold.

    Raises:
        ViperError: there is no such folder, or a wheel cannot be read.
    """
    if not folder.is_dir():
        raise ViperError(f"WHEELS: {folder} is no folder: `pip download --no-deps --dest {folder} …` makes it")
    for wheel in sorted(folder.glob("*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
        except _DAMAGE as error:
            reason = str(error) or type(error).__name__
            raise ViperError(f"WHEELS: {wheel} cannot be read ({reason}): download it again") from error
    return [target, folder.resolve()]


def _require() -> None:
    """Stop where this Python lacks what nobody brings along.

    Raises:
        ViperError: torch or transformers is missing, or too old.
    """
    for name, least in LEAST.items():
        wanted = ".".join(map(str, least))
        try:
            found = version(name)
        except PackageNotFoundError as error:
            raise ViperError(
                f"{sys.executable} has no {name}: name a Python with {wanted} or newer, `make gpu-check GPU_PYTHON=…`"
            ) from error
        numbers = tuple(map(int, re.findall(r"\d+", found)[:2]))
        if numbers < least:
            raise ViperError(
                f"{sys.executable} has {name} {found}, needed is {wanted} or newer: name another GPU_PYTHON"
            )


if __name__ == "__main__":
    raise SystemExit(main())

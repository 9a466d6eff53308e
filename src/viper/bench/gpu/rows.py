"""The rows of the measurement: what a part says of itself, and what it says where it could not be measured."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        part: of the measurement, see `viper.bench.gpu.parts`.
        what: is measured.
        setting: under which it was measured.
        value: None where it could not be measured, which `note` explains.
        unit: of the value.
        planned: what is counted with instead: by src/viper/cost/rates.yaml, or of memory by `viper fit`.
        note: anything else that the number needs to be read.
    """

    part: str
    what: str
    setting: str = ""
    value: float | None = None
    unit: str = ""
    planned: float | None = None
    note: str = ""


COLUMNS = tuple(field.name for field in fields(Row))
Say = Callable[..., None]  # what, and any field of a row by its name


def append(path: Path, row: Row) -> None:
    """Add a row to a file of JSON Lines, whole and at once."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """The rows of a file of JSON Lines; a last line that is still being written waits for the next time."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [Row(**json.loads(line)) for line in lines]

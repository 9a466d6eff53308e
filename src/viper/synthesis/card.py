"""The card of the two data sets, README.md: what they hold, and what became of each seed image.

Made from the data sets and from dropped.csv, after them: rewording a card makes no data set anew.
"""

from pathlib import Path

from viper.files import atomic_write
from viper.prompts import render
from viper.reading import open_parquet, read_table
from viper.synthesis.assemble import DataSets


def write_card(data_sets: DataSets, out: Path, *, lineage: str, seed: int) -> None:
    """Write the card of both data sets.

    Raises:
        ViperError: a data set or dropped.csv is missing or damaged.
    """
    sizes = {"csr": _rows(data_sets.csr), "vop": _rows(data_sets.vop)}
    counts: dict[str, list[tuple[str, int]]] = {}
    dropped = read_table(data_sets.dropped, needed=["dataset", "reason", "rows"], numbers=["rows"])
    for name, reason, number in zip(dropped["dataset"], dropped["reason"], dropped["rows"], strict=True):
        counts.setdefault(name, []).append((reason, int(number)))
    held_out = _rows(data_sets.held_out)
    text = render("cards", "dataset", lineage=lineage, seed=seed, sizes=sizes, held_out=held_out, counts=counts)
    with atomic_write(out) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _rows(path: Path) -> int:
    return open_parquet(path, ["id"]).num_rows

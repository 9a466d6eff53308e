"""Which kinds of question the benchmarks ask: what the base knows on clear pictures, and half knows through its lens.

A question that the base cannot answer on clear pictures either measures a task that it was never taught; one that it
answers through the lens as well leaves nothing to learn. `admission.csv`, beside this file, is the measured table
(`viper.evaluation.admission`; the target `admission` makes it anew): what training does to a kind of question is not
part of it.
"""

from functools import cache
from pathlib import Path

import pandas as pd

from microworld.benchmarks.benchmark import Keys
from viper.errors import ViperError
from viper.reading import read_table

TABLE = Path(__file__).with_name("admission.csv")


@cache
def table() -> pd.DataFrame:
    """The measured table; its columns are `viper.evaluation.admission.COLUMNS`."""
    return read_table(TABLE, needed=("benchmark", "category", "kind", "admitted"))


def admitted(name: str) -> list[Keys]:
    """The kinds of question of a benchmark that are admitted, in the order of its generators.

    Raises:
        ViperError: there is none.
    """
    known = table()
    rows = known[(known["benchmark"] == name) & (known["admitted"] == "yes")]
    found = list(dict.fromkeys(zip(rows["category"], rows["kind"], strict=True)))
    if not found:
        raise ViperError(
            f"{name}: {TABLE.name} admits none of its kinds of question: the base does not know them on clear "
            "pictures, or knows them through its lens too. Leave the benchmark out, or set evaluation.kinds to all"
        )
    return found

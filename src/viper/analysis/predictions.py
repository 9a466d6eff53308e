"""Per-item predictions of several lineages and seeds, checked to be about the same items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from viper import reading
from viper.analysis.runs import distinct
from viper.errors import ViperError
from viper.layout import answers_of
from viper.lineage import is_trained

# What a lineage said, and what became of it; every other column is of the item, and the same for all lineages.
_SAID = ("prediction", "reading", "extracted", "hit")
_REMEDY = "Evaluate this lineage again: remove the file, and snakemake does so by itself"


@dataclass(frozen=True)
class Predictions:
    """The files of predictions that are compared.

    Attributes:
        files: by lineage, seed (None for what is not trained, the same for every seed) and benchmark.
        lineages: the first is the one that the others are compared with.
        seeds: the seeds that every trained lineage has.
    """

    files: Mapping[tuple[str, int | None, str], Path]
    lineages: tuple[str, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, paths: Sequence[Path], lineages: Sequence[str]) -> "Predictions":
        """Files of `lineages`, found by what their paths say (`viper.layout`), among others.

        Raises:
            ViperError: no lineage is asked for, or one twice; a path says nothing, two are of the same run, or of
                different splits.
        """
        if not lineages:
            raise ViperError("no lineage was asked for: name those to compare, the first with all others")
        files, splits, seen = {}, {}, {}
        for path in paths:
            try:
                found = answers_of(str(path))
            except ValueError as error:
                raise ViperError(f"{error}: name files of predictions as the evaluation writes them") from error
            if seen.get(found, path) != path:
                raise ViperError(f"{seen[found]} and {path}: both are of the same run: name one file of each run")
            files[found.lineage, found.seed, found.benchmark] = seen[found] = path
            splits.setdefault(found.split, path)
        if len(splits) > 1:
            raise ViperError(f"{' and '.join(map(str, splits.values()))}: answers on different splits: compare one")
        trained = [seed for lineage, seed, _ in files if lineage in lineages and is_trained(lineage)]
        seeds = dict.fromkeys(seed for seed in trained if seed is not None)
        return cls(files, tuple(distinct(lineages)), tuple(seeds))

    def path(self, lineage: str, seed: int | None, benchmark: str) -> Path:
        """The file of one lineage and seed.

        Raises:
            ViperError: it was not named.
        """
        key = (lineage, seed if is_trained(lineage) else None, benchmark)
        if key not in self.files:
            run = f" with seed {key[1]}" if is_trained(lineage) else ""
            raise ViperError(f"{lineage}{run} on {benchmark}: no file of predictions was named")
        return self.files[key]

    @property
    def runs(self) -> tuple[int | None, ...]:
        """The seeds; one without a number where nothing is trained."""
        return self.seeds or (None,)

    def read(self, benchmark: str, *, guessed: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
        """Read one benchmark.

        Args:
            guessed: an answer that names no option, which is wrong by VLMEvalKit's rule, is worth what a guess among
                the options would earn.

        Returns:
            items: the columns that describe the items, one row per item in the order of `index`.
            hits: (lineages, seeds, items) of 0 or 1; between them what is worth a guess.

        Raises:
            ViperError: a file is missing or lacks a column, a hit is neither 0 nor 1, or two files hold other items
                (indices, questions, answers, categories).
        """
        items: pd.DataFrame | None = None
        hits = []
        for lineage in self.lineages:
            for seed in self.runs:
                path = self.path(lineage, seed, benchmark)
                table = read_items(path)
                asked = table[sorted(set(table.columns) - set(_SAID))]
                if items is None:
                    items, of_items, first = table.drop(columns="hit"), asked, path
                elif not asked.equals(of_items):
                    raise ViperError(
                        f"{path}: holds other items than {first}{_other(asked, of_items)}; a paired comparison needs "
                        f"the same ones: make the benchmark again, then the predictions"
                    )
                hits.append(table["hit"].to_numpy(dtype=float) + (worth_of_guesses(table) if guessed else 0.0))
        return items, np.stack(hits).reshape(len(self.lineages), len(self.runs), len(items))


def worth_of_guesses(items: pd.DataFrame) -> np.ndarray:
    """What a guess would earn in place of each answer that names no option, (items,); 0 for every other answer.

    That is one of as many options as there are letters that are right somewhere in the benchmark. Where no letter is
    right (Yes or No, a short answer) nothing is credited.

    Raises:
        ViperError: the columns `reading` or `answer` are missing.
    """
    if lacking := [name for name in ("reading", "answer") if name not in items]:
        raise ViperError(f"the predictions lack the column {lacking[0]}: evaluate again")
    is_letter = items["answer"].str.fullmatch("[A-Z]")
    letters = items.loc[is_letter, "answer"].nunique()
    return (is_letter & (items["reading"] == "none")).to_numpy(dtype=float) / max(letters, 1)


def _other(asked: pd.DataFrame, known: pd.DataFrame) -> str:
    """In which columns the same indices stand for other items, for a message."""
    if not asked["index"].equals(known["index"]):
        return ""
    columns = sorted(set(asked.columns) | set(known.columns))
    differ = [name for name in columns if name not in asked or not asked[name].equals(known.get(name))]
    return f" under the same indices ({', '.join(differ)})"


def read_items(path: Path) -> pd.DataFrame:
    """Read the items of one file, in the order of `index`; every cell but `hit` is text as it was said.

    Raises:
        ViperError: the file is missing, damaged or lacks a column, has an item twice, or a hit is neither 0 nor 1.
    """
    if not path.exists():
        raise ViperError(f"{path}: missing: evaluate this lineage first (snakemake evaluates it by itself)")
    table = reading.read_table(path, needed=("index", "hit"), numbers=("hit",), remedy=_REMEDY)
    if table.empty or table["index"].duplicated().any():
        raise ViperError(f"{path}: has no items, or one item twice: evaluate again")
    if not table["hit"].isin([0, 1]).all():
        raise ViperError(f"{path}: the column hit must hold 0 or 1 only: evaluate again")
    return table.sort_values("index", ignore_index=True)

"""Reading the Parquet data sets that a phase trains on, laid out in the order in which they are trained."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, Image, List, Value, concatenate_datasets
from datasets.table import InMemoryTable

from viper import completion
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.pictures import open_picture
from viper.reading import open_parquet

COLUMNS = {"images": List(Image()), "prompt": Value("string")}
GROUND_TRUTH = {"ground_truth": List(Value("string"))}
COMPLETION = {"completion": Value("string")}
REASONING = {"reasoning": Value("string")}


def read(path: str | Path, *, with_reasoning: bool = False) -> Dataset:
    """Read one data set: columns images, prompt and either ground_truth or completion; other columns are dropped.

    Args:
        with_reasoning: whether ground_truth comes with the reasoning that led to it.

    Raises:
        ViperError: no such file, it is damaged, no rows, a column is missing or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise ViperError(f"no data set at {path}: run the rule that makes it")
    dataset = Dataset(InMemoryTable(open_parquet(path)))
    answer = GROUND_TRUTH | (REASONING if with_reasoning else {})
    wanted = COLUMNS | (COMPLETION if "completion" in dataset.column_names else answer)
    missing = sorted(set(wanted) - set(dataset.column_names))
    if missing:
        raise ViperError(
            f"{path} has the columns {', '.join(dataset.column_names)}; training also needs {', '.join(missing)}"
        )
    if not len(dataset):
        raise ViperError(f"{path} has no rows, nothing to train on: see dropped.csv beside it for the reason")
    try:
        dataset = dataset.select_columns(list(wanted)).cast(Features(wanted))
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise ViperError(f"{path}: a column does not hold what training reads from it: {error}. {REMEDY}") from error
    _check_images(dataset, path)
    return dataset


def _check_images(dataset: Dataset, path: Path) -> None:
    """Look at the header of every image: `datasets` would decode whatever Pillow knows, of any size, or fetch a path.

    Raises:
        PictureError: a cell holds no bytes, or see `viper.pictures.open_picture`.
    """
    undecoded = dataset.select_columns("images").cast_column("images", List(Image(decode=False)))
    for number, row in enumerate(undecoded):
        for image in row["images"] or ():
            with open_picture((image or {}).get("bytes") or b"", f"{path}, row {number}"):
                pass


def in_training_order(datasets: list[Dataset], rows: int, seed: int) -> Dataset:
    """Shuffle the data sets together and return exactly `rows` rows in the order of training.

    Every row comes once before any comes twice, in a new order each time. Fixing the order here, rather than epoch by
    epoch in the trainer, lets an interrupted run go on with the very rows that it would have taken next.
    """
    together = concatenate_datasets(datasets)
    generator = np.random.default_rng(seed)
    rounds = -(-rows // len(together))
    order = np.concatenate([generator.permutation(len(together)) for _ in range(rounds)])[:rows]
    return together.select(order)


def interleave(parts: list[Dataset], seed: int) -> Dataset:
    """Shuffle data sets together that are laid out in training order already: each keeps its own order.

    So mixed training sees what the phases that it mixes would see, each row as often and in the same order.
    """
    sizes = [len(part) for part in parts]
    owners = np.random.default_rng([seed, 1]).permutation(np.repeat(np.arange(len(parts)), sizes))
    order = np.empty(len(owners), dtype=int)
    order[np.argsort(owners, kind="stable")] = np.arange(len(owners))
    return concatenate_datasets(parts).select(order)


def as_chat(dataset: Dataset) -> Dataset:
    """Turn `prompt`, and `completion` if there is one, from text into chat messages.

    TRL puts the images of a row before the text of its first user message, in order.
    """
    roles = {"prompt": "user", "completion": "assistant"}
    columns = [column for column in roles if column in dataset.column_names]

    def convert(row: dict) -> dict:
        return {column: [{"role": roles[column], "content": row[column]}] for column in columns}

    return dataset.map(convert, remove_columns=columns, keep_in_memory=True, load_from_cache_file=False, desc="chats")


def with_completions(dataset: Dataset, think: str | None) -> Dataset:
    """Give every row the completion that supervised training teaches.

    A data set that has completions keeps them; the others' are written from their ground truth, after the reasoning
    `think`, or where that is None, after the row's own.
    """
    if "completion" in dataset.column_names:
        return dataset

    def write(row: dict) -> dict:
        reasoning = row["reasoning"] if think is None else think
        return {"completion": completion.write(reasoning, " ".join(row["ground_truth"]))}

    written_from = [name for name in ("ground_truth", "reasoning") if name in dataset.column_names]
    return dataset.map(
        write, remove_columns=written_from, keep_in_memory=True, load_from_cache_file=False, desc="completions"
    )

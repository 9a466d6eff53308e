"""Reading the Parquet data sets that a phase trains on, laid out in the order in which they are trained.

Pictures are never held: they stay in an Arrow file on disk, which all processes of a machine map into memory, so that
the system keeps what is read of it once and may take it back. A row that is trained often is a number in a list.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from accelerate import PartialState
from datasets import Dataset, Features, Image, List, Value, concatenate_datasets
from datasets.table import table_cast

from viper import completion
from viper.config.training import Part, Sft, TrainOptions
from viper.digests import REMEDY
from viper.errors import ViperError
from viper.files import explain_failed_write
from viper.pictures import open_picture
from viper.reading import parquet_batches

PICTURES = "images"
COLUMNS = {PICTURES: List(Image()), "prompt": Value("string")}
GROUND_TRUTH = {"ground_truth": List(Value("string"))}
COMPLETION = {"completion": Value("string")}
REASONING = {"reasoning": Value("string")}

_COPIED_AT_ONCE = 16  # rows: a few dozen MB of pictures


def lay_out(options: TrainOptions, paths: Sequence[Path], copies: Path, seed: int) -> Dataset:
    """The rows of a run in the order of training, as chats: those of each part of the phase, shuffled together.

    Args:
        paths: of the data sets, in the order in which the phase names them.
        copies: folder of the copies that training reads, which must stay as long as it runs. Of several processes the
            first writes them.

    Raises:
        ViperError: see `copy_rows`.
    """
    phase = options.phase
    own = isinstance(phase, Sft) and phase.think is None
    copied = {name: copies / f"{name}.arrow" for name in phase.data}
    processes = PartialState()
    with processes.main_process_first():
        if processes.is_main_process:
            for path, copy in zip(paths, copied.values(), strict=True):
                copy_rows(path, copy, with_reasoning=own)
    rows = {name: open_rows(copy) for name, copy in copied.items()}
    if isinstance(phase, Sft):
        rows = {name: with_completions(dataset, phase.think) for name, dataset in rows.items()}
    rows = {name: as_chat(dataset) for name, dataset in rows.items()}
    parts = [
        in_training_order([rows[name] for name in part.data], phase.prompts_of(part.steps), seed)
        for part in options.parts or [Part(data=list(phase.data), steps=phase.steps)]
    ]
    # Where parts are odd, each rounds up to a whole sampling of its own.
    return interleave(parts, seed).select(range(phase.prompts_of(phase.steps)))


def copy_rows(path: str | Path, copy: Path, *, with_reasoning: bool = False) -> None:
    """Copy a data set to the Arrow file `copy`, a few rows at a time: what `open_rows` reads.

    It has the columns images, prompt and either ground_truth or completion; other columns are dropped. One process does
    it while the others wait, and does it anew each time: so nobody meets a copy that is half written.

    Args:
        with_reasoning: whether ground_truth comes with the reasoning that led to it.

    Raises:
        ViperError: no such file, it is damaged, no rows, a column is missing or holds something else.
        PictureError: a cell of images holds no picture.
    """
    path = Path(path)
    if not path.is_file():
        raise ViperError(f"no data set at {path}: run the rule that makes it")
    batches = parquet_batches(path, _COPIED_AT_ONCE)
    first = next(batches)
    wanted = _wanted(first.schema.names, path, with_reasoning)
    if not first.num_rows:
        raise ViperError(f"{path} has no rows, nothing to train on: see dropped.csv beside it for the reason")
    with explain_failed_write(copy):
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        with pa.ipc.new_stream(str(copy), wanted.arrow_schema) as writer:
            done = 0
            for batch in chain([first], batches):
                table = _cast(pa.Table.from_batches([batch]).select(list(wanted)), wanted, path)
                _check_images(table, done, path)
                writer.write_table(table)
                done += len(table)


def open_rows(copy: Path) -> Dataset:
    """The rows of a data set that `copy_rows` has copied, none of which is in memory yet."""
    return Dataset.from_file(str(copy))


def undecoded(dataset: Dataset) -> Dataset:
    """The same rows, for `read_row`."""
    return dataset.with_format("arrow")  # a cast of the column would write every row to disk, as often as it comes


def read_row(rows: Dataset, number: int) -> dict:
    """A row of `undecoded`, with each picture decoded once: `datasets` itself decodes the first of a list twice."""
    (row,) = rows[number].to_pylist()
    return row | {PICTURES: [Image().decode_example(picture) for picture in row[PICTURES] or ()]}


def _wanted(columns: list[str], path: Path, with_reasoning: bool) -> Features:
    answer = GROUND_TRUTH | (REASONING if with_reasoning else {})
    wanted = COLUMNS | (COMPLETION if "completion" in columns else answer)
    if missing := sorted(set(wanted) - set(columns)):
        raise ViperError(f"{path} has the columns {', '.join(columns)}; training also needs {', '.join(missing)}")
    return Features(wanted)


def _cast(table: pa.Table, wanted: Features, path: Path) -> pa.Table:
    try:
        return table_cast(table, wanted.arrow_schema)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise ViperError(f"{path}: a column does not hold what training reads from it: {error}. {REMEDY}") from error


def _check_images(table: pa.Table, before: int, path: Path) -> None:
    """Look at the header of every image: `datasets` would decode whatever Pillow knows, of any size, or fetch a path.

    Args:
        before: number of rows that came before these.

    Raises:
        PictureError: a cell holds no bytes, or see `viper.pictures.open_picture`.
    """
    for number, images in enumerate(table.column(PICTURES), before):
        for image in images.as_py() or ():
            with open_picture((image or {}).get("bytes") or b"", f"{path}, row {number}"):
                pass


def in_training_order(datasets: list[Dataset], rows: int, seed: int) -> Dataset:
    """Shuffle the data sets together and return exactly `rows` rows in the order of training.

    Every row comes once before any comes twice, in a new order each time. Fixing the order here, rather than epoch by
    epoch in the trainer, lets an interrupted run go on with the very rows that it would have taken next. A row that
    comes again is its number again, not a copy.
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

    return _with_texts(dataset, convert, columns, "chats")


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
    return _with_texts(dataset, write, written_from, "completions")


def _with_texts(dataset: Dataset, write: Callable[[dict], dict], replaced: list[str], what: str) -> Dataset:
    """A data set with what `write` makes of each row's texts in place of the columns `replaced`.

    The texts are then held in memory, and the pictures stay where they are: so this is done to a data set as it was
    opened, before its rows are laid out.
    """
    pictures = [name for name in dataset.column_names if name == PICTURES]
    texts = dataset.remove_columns(pictures).map(
        write, remove_columns=replaced, keep_in_memory=True, load_from_cache_file=False, desc=what
    )
    return concatenate_datasets([dataset.select_columns(pictures), texts], axis=1) if pictures else texts

"""Tables of rows as Parquet files that `datasets` reads, and seeds that depend on a row's name only.

A row is a dict. Images stay the PNG bytes they were first encoded to: {"bytes": PNG, "path": "<sha256>.png"}.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from viper.files import atomic_write
from viper.pictures import open_picture, png, read_picture
from viper.reading import open_parquet

Row = dict[str, Any]

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TEXT, TEXTS, IMAGES, INTEGER, NUMBER = pa.string(), pa.list_(pa.string()), pa.list_(IMAGE), pa.int64(), pa.float64()
_FEATURES = {
    TEXT: {"dtype": "string", "_type": "Value"},
    INTEGER: {"dtype": "int64", "_type": "Value"},
    NUMBER: {"dtype": "float64", "_type": "Value"},
    TEXTS: {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    IMAGE: {"_type": "Image"},
    IMAGES: {"feature": {"_type": "Image"}, "_type": "List"},
}


def pack_image(image: Image.Image) -> dict[str, Any]:
    """Encode an RGB image once, as PNG, named by its content."""
    data = png(image)
    return {"bytes": data, "path": f"{hashlib.sha256(data).hexdigest()}.png"}


def unpack_image(packed: dict[str, Any]) -> Image.Image:
    """Decode an image of a table to RGB.

    Raises:
        PictureError: see `viper.pictures.open_picture`.
    """
    return read_picture(packed["bytes"] or b"", f"image {packed['path']}")


def picture_size(packed: dict[str, Any]) -> tuple[int, int]:
    """Width and height of an image of a table; its pixels are not decoded.

    Raises:
        PictureError: see `viper.pictures.open_picture`.
    """
    with open_picture(packed["bytes"] or b"", f"image {packed['path']}") as image:
        return image.size


def write_rows(path: str | Path, rows: Sequence[Row], columns: dict[str, pa.DataType]) -> None:
    """Write `rows` as Parquet with the named columns; `datasets` decodes its image columns.

    Raises:
        KeyError: a row lacks a column.
    """
    write_groups(path, [rows], columns)


def write_groups(path: str | Path, groups: Iterable[Sequence[Row]], columns: dict[str, pa.DataType]) -> None:
    """Like `write_rows`, with one group of rows in memory at a time."""
    # The same note that datasets.Dataset.to_parquet leaves; written here, since importing datasets takes seconds.
    features = {"info": {"features": {name: _FEATURES[kind] for name, kind in columns.items()}}}
    schema = pa.schema(list(columns.items()), metadata={"huggingface": json.dumps(features)})
    with atomic_write(path) as partial, pq.ParquetWriter(partial, schema) as writer:
        for rows in groups:
            picked = [{name: row[name] for name in columns} for row in rows]
            writer.write_table(pa.Table.from_pylist(picked, schema=schema))


def read_rows(path: str | Path, columns: list[str] | None = None) -> list[Row]:
    """Read the rows of a Parquet file (`columns`: only these; "image.path" reads no pixels).

    Raises:
        ViperError: the file is missing, damaged or no Parquet file, or lacks a column.
    """
    return open_parquet(path, columns).to_pylist()


def by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Index rows by their column `id`."""
    return {row["id"]: row for row in rows}


def row_seed(seed: int, step: str, row_id: str) -> int:
    """The seed of one step on one row, in 0 … 2³¹ - 1: the same whatever shard the row is in, and in any order."""
    digest = hashlib.sha256(f"{seed}/{step}/{row_id}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


def drawn_for_vop(row_id: str, share: float, seed: int) -> bool:
    """Whether an image is among the share that is refined and edited; a larger share keeps the images of a smaller."""
    return row_seed(seed, "vop", row_id) < share * 2**31

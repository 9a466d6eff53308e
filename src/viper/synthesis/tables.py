"""The tables of the steps for one shard, read together: each with its columns, and about the images it must be about.

A row that is missing, twice there, or about an unknown image means that a table was cut, or belongs to another shard or
run: the data sets would shrink without a word, so reading stops instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from viper.digests import REMEDY
from viper.errors import ViperError
from viper.reading import open_parquet
from viper.synthesis.rows import Row, drawn_for_vop
from viper.synthesis.schemas import SCHEMAS


def read_step(path: str | Path, step: str, columns: Sequence[str] | None = None) -> list[Row]:
    """Read the table of one step of one shard (`columns`: only these; "image.path" reads no pixels).

    Raises:
        ViperError: it is missing or damaged, or its columns are not those of the step.
    """
    names = list(SCHEMAS[step].columns if columns is None else columns)
    table = open_parquet(path, names)
    for name in names:
        column, _, inner = name.partition(".")
        wanted = SCHEMAS[step].columns[column]
        found = table.schema.field(column).type
        if not inner and found != wanted:
            raise ViperError(f"{path}: column {column} holds {found}, the step '{step}' writes {wanted}. {REMEDY}")
        if table.column(column).null_count:
            raise ViperError(f"{path}: column {column} has empty cells. {REMEDY}")
    return table.to_pylist()


def read_shard(paths: Mapping[str, str | Path], *, seed: int, vop_share: float | None = None) -> dict[str, list[Row]]:
    """Read the tables of some steps of one shard, and hold their rows to each other.

    Args:
        paths: step → its table.
        seed: of the run, which with the share says which images are drawn for VOP.
        vop_share: `synthesis.vop_share`; None leaves refinements to be about any image that has a usable caption.

    Raises:
        ViperError: see `read_step`; or rows are missing, twice there, or about other images.
    """
    tables = {step: read_step(path, step) for step, path in paths.items()}
    check_rows(tables, paths, seed=seed, vop_share=vop_share)
    return tables


def check_rows(
    tables: Mapping[str, list[Row]],
    paths: Mapping[str, str | Path],
    *,
    seed: int,
    vop_share: float | None = None,
) -> None:
    """Hold the rows of one shard's tables to each other, as far as their makers are among `tables`.

    Args:
        tables: step → rows with the columns id and, but for images, failure.

    Raises:
        ViperError: rows are missing, twice there, or about other images: of which table, and which.
    """
    for step, rows in tables.items():
        ids = [row["id"] for row in rows]
        if len(set(ids)) < len(ids):
            twice = sorted({row_id for row_id in ids if ids.count(row_id) > 1})
            raise _wrong(paths[step], f"{len(twice)} images have several rows", twice)
        if "images" in tables:
            _need(paths[step], set(), set(ids) - {row["id"] for row in tables["images"]})
    for step in tables:
        schema = SCHEMAS[step]
        if schema.rows_of not in tables or (schema.is_drawn and vop_share is None):
            continue
        expected = {row["id"] for row in tables[schema.rows_of] if not row.get("failure")}
        if schema.is_drawn:
            expected = {row_id for row_id in expected if drawn_for_vop(row_id, vop_share, seed)}
        found = {row["id"] for row in tables[step]}
        _need(paths[step], expected - found, found - expected)


def _need(path: str | Path, missing: Iterable[str], unknown: Iterable[str]) -> None:
    missing, unknown = sorted(missing), sorted(unknown)
    if missing:
        raise _wrong(path, f"rows of {len(missing)} images are missing", missing)
    if unknown:
        raise _wrong(path, f"{len(unknown)} rows are about images that do not belong there", unknown)


def _wrong(path: str | Path, what: str, ids: Sequence[str]) -> ViperError:
    named = ", ".join(map(str, ids[:3])) + (", …" if len(ids) > 3 else "")
    return ViperError(
        f"{path}: {what} ({named}): it was cut, or is the table of another shard, run or configuration. {REMEDY}"
    )

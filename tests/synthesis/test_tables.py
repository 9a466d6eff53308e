"""Tables of one shard belong together, row by row."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripted_loop import make_data_sets
from viper.errors import ViperError
from viper.synthesis.assemble import assemble
from viper.synthesis.schemas import SCHEMAS
from viper.synthesis.tables import read_shard, read_step


def paths(shards, shard=0):
    return {step: shards.path(step, shard) for step in SCHEMAS}


def rewrite(path, change):
    """Write a table anew behind the workflow's back."""
    pq.write_table(change(pq.read_table(path)), path)


def test_tables_of_one_shard_are_read_with_their_columns(run_loop):
    shards, _ = run_loop()
    tables = read_shard(paths(shards), seed=3, vop_share=1.0)
    assert list(tables) == list(SCHEMAS)
    assert {step: set(rows[0]) for step, rows in tables.items()} == {
        name: set(schema.columns) for name, schema in SCHEMAS.items()
    }


@pytest.mark.parametrize("step", [step for step in SCHEMAS if step != "images"])
def test_rows_that_are_gone_stop_the_step(run_loop, step):
    shards, _ = run_loop()
    rewrite(shards.path(step, 0), lambda table: table.slice(2))
    with pytest.raises(ViperError, match=rf"{step}/shard0\.parquet: rows of 2 images are missing \(image-"):
        read_shard(paths(shards), seed=3, vop_share=1.0)


@pytest.mark.parametrize("step", [step for step in SCHEMAS if step != "images"])
def test_another_shard_stops_the_step(run_loop, step):
    shards, _ = run_loop()
    shutil.copy(shards.path(step, 1), shards.path(step, 0))
    with pytest.raises(ViperError, match=r"shard0\.parquet: .* (missing|do not belong there)"):
        read_shard(paths(shards), seed=3, vop_share=1.0)


@pytest.mark.parametrize("step", SCHEMAS)
def test_rows_that_are_there_twice_stop_the_step(run_loop, step):
    shards, _ = run_loop()
    rewrite(shards.path(step, 0), lambda table: pa.concat_tables([table, table.slice(0, 1)]))
    with pytest.raises(ViperError, match=r"1 images have several rows"):
        read_shard(paths(shards), seed=3, vop_share=1.0)


@pytest.mark.parametrize("step", SCHEMAS)
def test_ids_of_another_kind_or_empty_are_refused(run_loop, step):
    shards, _ = run_loop()
    path = shards.path(step, 0)

    def numbered(table):
        return table.set_column(table.column_names.index("id"), "id", pa.array(range(len(table))))

    def empty(table):
        return table.set_column(table.column_names.index("id"), "id", pa.array([None] * len(table), pa.string()))

    shutil.copy(path, kept := path.with_suffix(".kept"))
    rewrite(path, numbered)
    with pytest.raises(ViperError, match="column id holds int64"):
        read_step(path, step)
    shutil.copy(kept, path)
    rewrite(path, empty)
    with pytest.raises(ViperError, match="column id has empty cells"):
        read_step(path, step)


def test_images_not_drawn_for_vop_need_no_row_and_others_do(run_loop, monkeypatch):
    for module in ("steps", "tables"):
        monkeypatch.setattr(f"viper.synthesis.{module}.drawn_for_vop", lambda row_id, share, seed: row_id < "image-06")
    shards, _ = run_loop()
    assert read_shard(paths(shards), seed=3, vop_share=0.5)
    rewrite(shards.path("refinements", 0), lambda table: table.slice(1))
    with pytest.raises(ViperError, match=r"refinements/shard0\.parquet: rows of 1 images are missing"):
        read_shard(paths(shards), seed=3, vop_share=0.5)


@pytest.mark.parametrize("step", ["captions", "critiques", "refinements", "operations", "edits"])
def test_data_sets_are_not_made_of_tables_that_were_cut(run_loop, step, options, tmp_path):
    shards, _ = run_loop()
    rewrite(shards.path(step, 1), lambda table: table.slice(1))
    options = options.model_copy(update={"allow_fewer": True})
    with pytest.raises(ViperError, match=rf"{step}/shard1\.parquet: rows of 1 images are missing"):
        assemble(shards, make_data_sets(tmp_path / "out"), options, lineage="base", seed=3)
    assert not (tmp_path / "out").exists()

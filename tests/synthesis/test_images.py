"""Seed images from both sources."""

import csv
import json
import os
import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from microworld.adapters.images import draw_images
from microworld.draw import render
from microworld.scene import from_json, split_of
from viper.config.images import Images
from viper.errors import ViperError
from viper.synthesis.images import collect_images
from viper.synthesis.rows import read_rows, unpack_image

PHOTOGRAPHS = Path(skimage.data.__file__).parent


def draw(folder: Path, *, number: int, shards: int, seed: int = 0) -> list[dict]:
    tables = [folder / f"shard{shard}.parquet" for shard in range(shards)]
    truth = [folder / f"shard{shard}.jsonl" for shard in range(shards)]
    draw_images(Images(source="world", number=number, shards=shards), seed=seed, out=tables, truth=truth)
    return [row for table in tables for row in read_rows(table)]


def test_truth_belongs_to_the_pictures(tmp_path):
    rows = draw(tmp_path, number=5, shards=2)
    lines = [json.loads(line) for shard in (0, 1) for line in (tmp_path / f"shard{shard}.jsonl").open()]
    assert len(rows) == len(lines) == 5
    for row, line in zip(rows, lines, strict=True):
        scene = from_json(json.dumps(line["scene"]))
        assert row["id"] == line["id"]
        assert unpack_image(row["image"]).tobytes() == render(scene).tobytes()
        assert split_of(scene) == "train"
        assert "scene" not in row, "the loop never sees the truth"


def test_pictures_do_not_depend_on_number_or_shards(tmp_path):
    few, many = draw(tmp_path / "few", number=3, shards=1), draw(tmp_path / "many", number=7, shards=3)
    assert many[:3] == few
    assert draw(tmp_path / "other", number=3, shards=1, seed=1) != few
    assert draw(tmp_path / "again", number=3, shards=1) == few


@settings(deadline=None, max_examples=10)
@given(number=st.integers(1, 5), shards=st.integers(1, 3), first=st.integers(0, 7))
def test_further_shards_hold_further_scenes_whoever_draws_them(tmp_path_factory, number, shards, first):
    shards = min(shards, number)
    folder, images = tmp_path_factory.mktemp("drawn"), Images(source="world", number=number, shards=shards)

    def ids(name, first_shard, how_many):
        places = [(folder / f"{name}{each}.parquet", folder / f"{name}{each}.jsonl") for each in range(how_many)]
        tables, truth = zip(*places, strict=True)
        draw_images(images, seed=0, out=tables, truth=truth, first_shard=first_shard)
        return [[row["id"] for row in read_rows(table)] for table in tables]

    together = ids("together", 0, first + 1)
    assert ids("alone", first, 1) == [together[first]]
    every = [each for shard in together for each in shard]
    assert every == [f"world-0-{index:06d}" for index in range(len(every))]
    assert sum(map(len, together[:shards])) == min(number, len(every))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four sound photographs, a copy under another name and format, and one of each defect."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg"):
        shutil.copy(PHOTOGRAPHS / name, folder / name)
    Image.open(folder / "coffee.png").save(folder / "copy.tif")
    (folder / "truncated.jpg").write_bytes((PHOTOGRAPHS / "rocket.jpg").read_bytes()[:40_000])
    (folder / "notes.txt").write_text("not a picture")
    Image.new("RGB", (5, 5)).save(folder / "tiny.png")
    return folder


def collect(folder: Path, out: Path, **parameters) -> tuple[list[list[dict]], list[dict]]:
    parameters = {"number": 10, "shards": 2, "image_size": (64, 64), **parameters}
    images = Images(source="folder", paths=[f"{folder}/*"], **parameters)
    tables = [out / f"shard{shard}.parquet" for shard in range(images.shards)]
    collect_images(images, seed=0, out=tables, skipped=out / "skipped.csv")
    with (out / "skipped.csv").open() as file:
        return [read_rows(table) for table in tables], list(csv.DictReader(file))


def test_sound_photographs_are_taken_and_the_others_counted(folder, tmp_path):
    shards, skipped = collect(folder, tmp_path / "out")
    rows = [row for shard in shards for row in shard]
    names = {Path(row["source"]).name for row in rows}
    assert names - {"copy.tif"} | {"coffee.png"} == {"astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg"}
    assert len(rows) == 4, "coffee.png or its copy, not both"
    assert all(unpack_image(row["image"]).size == (64, 64) for row in rows)
    counts = {row["reason"]: int(row["number"]) for row in skipped}
    assert counts == {"duplicate": 1, "truncated": 1, "not an image": 1, "a side is shorter than 32 pixels": 1}
    assert all(row["examples"] for row in skipped)


def test_number_limits(folder, tmp_path):
    shards, _ = collect(folder, tmp_path / "out", number=2, shards=2)
    assert [len(shard) for shard in shards] == [1, 1]


def test_same_seed_same_bytes(folder, tmp_path):
    for name in ("one", "two"):
        collect(folder, tmp_path / name)
    for shard in ("shard0.parquet", "shard1.parquet"):
        assert (tmp_path / "one" / shard).read_bytes() == (tmp_path / "two" / shard).read_bytes()


def test_nothing_usable_stops(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_text("no")
    (folder / "b.jpg").write_text("no")
    with pytest.raises(ViperError, match=r"none of 2 files is usable \(2 not an image\)"):
        collect(folder, tmp_path / "out")


def test_one_bad_file_costs_one_row(folder, tmp_path):
    """Names, shapes and contents as folders have them, all at once: everything is a row or counted."""
    sound = {"{a}.jpg": b"", "it's $(x) [1].jpg": b"", "new\nline.jpg": b"", os.fsdecode(b"caf\xe9.jpg"): b""}
    for number, name in enumerate(sound):
        Image.new("RGB", (50 + number, 50), "red").save(folder / name, "JPEG")
    Image.new("RGB", (33, 8000)).save(folder / "long.jpg")
    Image.new("RGB", (40, 40), "red").save(folder / "eps.jpg", "EPS")
    Image.fromarray(np.full((40, 40), np.inf, np.float32)).save(folder / "infinite.tif")
    (folder / "empty.jpg").touch()
    (folder / "folder.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.jpg")
    shards, skipped = collect(folder, tmp_path / "out", number=100, shards=3, image_size=None, max_pixels=4096)
    rows = [row for shard in shards for row in shard]
    assert len(rows) == 4 + len(sound)
    assert {"new\\x0aline.jpg", "caf\\xe9.jpg", "{a}.jpg"} < {Path(row["source"]).name for row in rows}
    counts = {row["reason"]: int(row["number"]) for row in skipped}
    assert counts == {
        "duplicate": 1,
        "truncated": 1,
        "not an image": 3,
        "a side is shorter than 32 pixels": 1,
        "more than 200 times as long as wide": 1,
        "no finite value": 1,
        "not a file": 3,
    }
    assert len(rows) + sum(counts.values()) == len(list(folder.iterdir()))


def test_more_photographs_join_without_a_change_of_what_was_there(folder, tmp_path):
    """Those that were there before are duplicates; the first shards are not opened for writing again."""
    collect(folder, tmp_path / "out")
    first = [tmp_path / "out" / f"shard{shard}.parquet" for shard in range(2)]
    before = [path.read_bytes() for path in first]
    later = tmp_path / "later"
    later.mkdir()
    shutil.copy(folder / "coffee.png", later / "again.png")
    for name in ("red", "blue", "green"):
        Image.new("RGB", (70, 50), name).save(later / f"{name}.png")
    more = {"later": {"paths": [f"{later}/*"], "number": 4, "shards": 2}}
    images = Images(source="folder", paths=[f"{folder}/*"], number=10, shards=2, image_size=(64, 64), more=more)
    assert (images.all_shards, images.all_images, images.shards_of("later")) == (4, 14, range(2, 4))
    tables = [tmp_path / "out" / f"shard{shard}.parquet" for shard in images.shards_of("later")]
    skipped = tmp_path / "out" / "skipped-later.csv"
    collect_images(images, seed=0, out=tables, skipped=skipped, more="later", before=first)
    assert [path.read_bytes() for path in first] == before
    ids = [[row["id"] for row in read_rows(path)] for path in [*first, *tables]]
    assert [len(each) for each in ids[2:]] == [2, 1]
    assert len(set(chain(*ids))) == sum(map(len, ids))
    with skipped.open() as file:
        assert {row["reason"]: row["number"] for row in csv.DictReader(file)} == {"duplicate": "1"}


def test_more_is_for_folders_and_names_its_mistakes():
    with pytest.raises(ValidationError, match=r"more\.later\.shards \(2\) exceeds more\.later\.number \(1\)"):
        Images(source="folder", paths=["a"], number=1, more={"later": {"paths": ["b"], "number": 1, "shards": 2}})
    with pytest.raises(ValidationError, match=r"more names later, which .* source is 'world': raise number instead"):
        Images(source="world", number=1, more={"later": {"paths": ["b"], "number": 1}})
    images = Images(source="folder", paths=["a"], number=1, more={"later": {"paths": ["/nowhere/*"], "number": 1}})
    with pytest.raises(ViperError, match=r"images\.more\.later\.paths: '/nowhere/\*' names no file"):
        collect_images(images, seed=0, out=[Path("x")], skipped=Path("y"), more="later")

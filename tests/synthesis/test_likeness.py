"""The same picture again is recognised, another one is not; and no picture of a benchmark becomes a seed."""

import csv
import io
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skimage.data
import sklearn.datasets
from PIL import Image

from viper.config.images import Images
from viper.config.loading import load
from viper.errors import ViperError
from viper.synthesis.images import collect_images
from viper.synthesis.likeness import Known, hash_pictures, perceptual_hash
from viper.synthesis.rows import read_rows, unpack_image

SKIMAGE = Path(skimage.data.__file__).parent
SKLEARN = Path(sklearn.datasets.__file__).parent / "images"
PHOTOGRAPHS = [
    *(SKIMAGE / f"{name}.png" for name in ("astronaut", "camera", "chelsea", "coffee", "coins", "moon", "ihc")),
    SKIMAGE / "rocket.jpg",
    SKLEARN / "china.jpg",
    SKLEARN / "flower.jpg",
    Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
]
COMMIT = "0" * 40


def photograph(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def trimmed(image: Image.Image, share: float) -> Image.Image:
    across, down = int(image.width * share), int(image.height * share)
    return image.crop((across, down, image.width - across, image.height - down))


AGAIN = {
    "compressed": lambda image: jpeg(image, 30),
    "half as large": lambda image: image.resize((image.width // 2, image.height // 2)),
    "small and compressed": lambda image: jpeg(image.resize((224, 224)), 60),
    "trimmed": lambda image: trimmed(image, 0.01),
    "brighter": lambda image: Image.eval(image, lambda value: min(255, int(value * 1.1))),
}


def bits_between(first: Image.Image, second: Image.Image) -> int:
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


@pytest.mark.parametrize("change", AGAIN.values(), ids=AGAIN.keys())
def test_the_same_picture_is_near_and_others_are_far(change):
    distance = load("3b").images.benchmark_distance
    images = [photograph(path) for path in PHOTOGRAPHS]
    again = [change(image) for image in images]
    assert max(map(bits_between, images, again)) <= distance
    assert min(bits_between(images[a], again[b]) for a, b in combinations(range(len(images)), 2)) > distance


def test_a_picture_of_one_grey_is_like_nothing(tmp_path):
    assert perceptual_hash(Image.new("RGB", (50, 50), "white")) is None
    Image.new("RGB", (50, 50), "white").save(tmp_path / "white.png")
    hash_pictures([tmp_path / "white.png"], tmp_path, tmp_path / "hashes.csv")
    known = Known({"some": tmp_path / "hashes.csv"}, 64)
    assert known.find(Image.new("RGB", (60, 60), "white")) is None
    assert known.find(photograph(PHOTOGRAPHS[0])) is None, "nothing is known"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it has no header"),
        ("a\n1\n", "lacks the column picture, hash"),
        ("picture,hash\na.png,0123456789abcdef\nb.png\n", "line 3: 1 cells"),
        *(
            (f"picture,hash\na.png,0123456789abcdef\nb.png,{cell}\n", f"line 3: '{cell}' is no hash of 16 digits")
            for cell in ("xyz", "-1", "", "0" * 20, "f" * 20, "0x23456789abcdef", "0123_456789abcde")
        ),
    ],
)
def test_a_broken_table_of_hashes_is_one_message(tmp_path, content, message):
    (tmp_path / "hashes.csv").write_text(content)
    with pytest.raises(ViperError, match=message) as caught:
        Known({"some": tmp_path / "hashes.csv"}, 8)
    assert "hashes.csv" in str(caught.value)
    assert "let its rule make it again" in str(caught.value)


# --- seeds ------------------------------------------------------------------------------------------------------------


def collect(
    tmp_path: Path, out: str = "out", *, benchmarks=None, data=None, **images
) -> tuple[list[dict], dict[str, str]]:
    section = Images(**{"number": 100, "shards": 2, "max_pixels": 40_000, **images})
    tables = [tmp_path / out / f"shard{shard}.parquet" for shard in range(section.shards)]
    skipped = tmp_path / out / "skipped.csv"
    collect_images(section, seed=3, out=tables, skipped=skipped, data=data, benchmarks=benchmarks)
    reasons = {row["reason"]: row for row in csv.DictReader(skipped.open())}
    return [row for table in tables for row in read_rows(table)], reasons


@pytest.fixture
def benchmarks(tmp_path) -> dict[str, Path]:
    """Hashes of two benchmarks, one of which has two of the photographs, in other sizes and formats."""
    tables = {}
    for name, pictures in {"MMStar": PHOTOGRAPHS[:2], "BLINK": [SKIMAGE / "motorcycle_left.png"]}.items():
        folder = tmp_path / name / "deep"
        folder.mkdir(parents=True)
        for number, path in enumerate(pictures):
            jpeg(photograph(path).resize((300, 200)), 70).save(folder / f"{number}.jpg")
        tables[name] = tmp_path / f"{name}.csv"
        hash_pictures(folder.glob("*"), tmp_path / name, tables[name])
    return tables


@pytest.fixture
def data_set(tmp_path) -> Path:
    """Two Parquet files in the hub's layout, with one broken picture and one without bytes."""
    folder = tmp_path / "data set"
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in PHOTOGRAPHS]
    cells += [{"bytes": b"no picture", "path": "x.jpg"}, {"bytes": None, "path": "elsewhere.jpg"}]
    (folder / "data").mkdir(parents=True)
    for number, part in enumerate((cells[:6], cells[6:])):
        table = pa.table({"image": part, "label": list(range(len(part)))})
        pq.write_table(table, folder / f"data/{number}.parquet", row_group_size=4)
    return folder


HUB = {"source": "hub", "hub": {"dataset": f"some/photographs@{COMMIT}", "files": ["data/0.parquet", "data/1.parquet"]}}


def test_pictures_of_benchmarks_are_left_out_and_counted(tmp_path, benchmarks):
    names = [str(path) for path in PHOTOGRAPHS]
    rows, reasons = collect(tmp_path, source="folder", paths=names, benchmark_distance=8, benchmarks=benchmarks)
    assert {row["source"] for row in rows} == set(names[2:])
    assert set(reasons) == {"like a picture of MMStar"}
    assert reasons["like a picture of MMStar"]["number"] == "2"
    rows, reasons = collect(tmp_path, "all", source="folder", paths=names)
    assert (len(rows), reasons) == (len(names), {})


def test_a_data_set_gives_seeds_like_a_folder(tmp_path, data_set, benchmarks):
    rows, reasons = collect(tmp_path, **HUB, data=data_set, benchmark_distance=8, benchmarks=benchmarks)
    of_folder, _ = collect(tmp_path, "folder", source="folder", paths=[str(path) for path in PHOTOGRAPHS[2:]])
    assert {row["id"] for row in rows} == {row["id"] for row in of_folder}, "the same pixels"
    assert {reason: row["number"] for reason, row in reasons.items()} == {
        "like a picture of MMStar": "2",
        "not an image": "2",
    }
    assert reasons["not an image"]["examples"].startswith("data/1.parquet, group")
    again, _ = collect(tmp_path, "again", **HUB, data=data_set, benchmark_distance=8, benchmarks=benchmarks)
    assert again == rows
    few, _ = collect(tmp_path, "few", **HUB, data=data_set, number=3, shards=1)
    assert len(few) == 3
    sources = [row["source"] for row in few]
    assert len(set(sources)) == 3


def test_a_data_set_that_is_not_as_named_is_one_message(tmp_path, data_set):
    for change, message in (
        ({"column": "photo"}, "images.hub.column: data/0.parquet has no 'photo', but image, label"),
        ({"files": ["data/2.parquet"]}, "cannot be read"),
    ):
        with pytest.raises(ViperError, match=message):
            collect(tmp_path, source="hub", hub=HUB["hub"] | change, data=data_set)
    (data_set / "data/0.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(ViperError, match=r"data/0\.parquet cannot be read"):
        collect(tmp_path, **HUB, data=data_set)
    assert not (tmp_path / "out").exists()


def test_damaged_pages_of_a_data_set_are_one_message(tmp_path, data_set):
    """The end of a file, which says where its columns are, is whole; what it leads to is not."""
    path = data_set / "data/1.parquet"
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    with pytest.raises(ViperError, match=r"images\.hub\.files: .*data/1\.parquet cannot be read .*: fetch it again"):
        collect(tmp_path, **HUB, data=data_set, shards=1)
    assert not list(tmp_path.glob("out/*"))


def test_a_column_that_is_there_twice_is_one_message(tmp_path):
    cells = pa.array([PHOTOGRAPHS[0].read_bytes()])
    hub = {"dataset": f"a/b@{COMMIT}", "files": ["a.parquet"]}
    pq.write_table(pa.Table.from_arrays([cells, cells, cells], ["image", "label", "image"]), tmp_path / "a.parquet")
    with pytest.raises(ViperError, match=r"images\.hub\.column: a\.parquet has 'image' 2 times: name another"):
        collect(tmp_path, source="hub", hub=hub, data=tmp_path, shards=1)
    pq.write_table(pa.Table.from_arrays([cells, cells, cells], ["image", "label", "label"]), tmp_path / "a.parquet")
    assert len(collect(tmp_path, source="hub", hub=hub, data=tmp_path, shards=1)[0]) == 1, "others do not matter"


def test_plain_bytes_are_pictures_too(tmp_path):
    pq.write_table(pa.table({"image": [PHOTOGRAPHS[0].read_bytes()]}), tmp_path / "a.parquet")
    hub = {"dataset": f"a/b@{COMMIT}", "files": ["a.parquet"]}
    rows, _ = collect(tmp_path, source="hub", hub=hub, data=tmp_path, shards=1)
    assert np.asarray(unpack_image(rows[0]["image"])).std() > 5

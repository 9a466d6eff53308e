"""Benchmarks unpacked once: jobs read what the published tables say, and nothing half made is used."""

import base64
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import published_form
from viper import layout
from viper.completion import write
from viper.config.evaluation import Asking, Split
from viper.errors import ViperError
from viper.evaluation import mme_realworld, unpacked
from viper.evaluation.benchmark_tables import read_benchmark
from viper.evaluation.benchmarks import provide
from viper.evaluation.commands import register
from viper.evaluation.registry import OFFICIAL, scoring
from viper.evaluation.run import evaluate
from viper.evaluation.unpacked import read_unpacked, unpack
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.manifest import model_folder, read_manifest

NAMES = sorted(OFFICIAL.keys() - {"CRPE_EXIST"})


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder of official benchmarks, all in their published form: benchmark → table."""
    import_vlmeval()
    folder = tmp_path_factory.mktemp("LMUData")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mme_realworld, "ITEMS", 23)
        yield dict(published_form.write_all(folder))


def unpacked_table(name: str, published: dict[str, Path], folder: Path) -> Path:
    source = published[name]
    return unpack(name, source, source.parent / "images" / name, folder / name).parent / unpacked.TABLE


def told(table: pd.DataFrame) -> tuple[list[dict], list[list[tuple]]]:
    """Its texts, and its pictures."""
    pictures = [[(image.size, image.tobytes()) for image in map(Image.open, paths)] for paths in table["image"]]
    return json.loads(table.drop(columns=["image", "image_path"], errors="ignore").to_json(orient="records")), pictures


def test_every_official_benchmark_has_a_published_form_here(published):
    assert sorted(published) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_unpacked_says_what_the_published_table_says(name, published, tmp_path):
    kind, source = scoring(name), published[name]
    given = source.parent / "images" / name
    direct = read_benchmark(source, tmp_path / "direct", needed=kind.needed, lists=kind.lists, given=given)
    found = read_unpacked(name, unpacked_table(name, published, tmp_path))
    assert told(found) == told(direct)
    folder = tmp_path / name
    assert {path.name for path in folder.iterdir()} == {"table.tsv", "pictures", "manifest.json"}
    assert model_folder(folder / "manifest.json") == folder
    assert (folder / "table.tsv").stat().st_size < 6000
    left = {path for paths in found["image"] for path in paths}
    assert left == {str(path) for path in (folder / "pictures").rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_unpacked_is_asked_and_scored(name, published, tmp_path):
    class Known:
        """Says what the published table says is right, row after row."""

        def __init__(self):
            rows = read_benchmark(source, tmp_path / "direct", lists=scoring(name).lists, given=given)
            self.left = [str(answer) for answer in rows["answer"]]

        def answer(self, chats, **_):
            return [write("Seen.", self.left.pop(0)) for _ in chats]

    source = published[name]
    given = source.parent / "images" / name
    path = unpacked_table(name, published, tmp_path)
    link = tmp_path / "data" / f"{name}.tsv"
    link.parent.mkdir()
    link.symlink_to(path)
    asking = Asking(max_new_tokens=8, batch_ahead=2)
    result = evaluate(Known(), [link], asking)[name]
    assert result.score == 100
    assert result.items["hit"].all()


def test_a_job_opens_only_the_pictures_that_it_shows(published, tmp_path, monkeypatch):
    from viper.evaluation import model  # once VLMEvalKit is imported

    link = tmp_path / "MMStar.tsv"
    link.symlink_to(unpacked_table("MMStar", published, tmp_path))
    decoded, shown, read = [], [], model.read_picture
    monkeypatch.setattr("viper.evaluation.benchmark_tables.read_picture", lambda *_, **__: decoded.append(1))
    monkeypatch.setattr(model, "read_picture", lambda path, **options: shown.append(path) or read(path, **options))

    class Fixed:
        def answer(self, chats, **_):
            return ["A"] * len(chats)

    evaluate(Fixed(), [link], Asking(max_new_tokens=8), size=2)
    assert len(shown) == 2
    assert not decoded


def test_a_split_links_to_what_is_unpacked(published, tmp_path):
    folder = tmp_path / "LMUData"
    output = tmp_path / "data/3b/benchmarks/test/MMStar.tsv"
    with pytest.raises(ViperError, match="unpack it first"):
        provide("MMStar", "official", str(folder), Split(), output)
    manifest = unpack("MMStar", published["MMStar"], folder, Path(layout.unpacked(str(folder), "MMStar")).parent)
    provide("MMStar", "official", str(folder), Split(), output)
    assert output.is_symlink()
    assert output.resolve() == manifest.parent.resolve() / "table.tsv"


def test_what_was_damaged_is_not_used(published, tmp_path):
    path = unpacked_table("BLINK", published, tmp_path)
    first = min((path.parent / "pictures").iterdir())
    content = first.read_bytes()
    first.write_bytes(content[:-9])
    with pytest.raises(ViperError, match=f"{first.name}: is not the picture that .*unpack_benchmark again"):
        read_unpacked("BLINK", path)
    first.write_bytes(content)
    path.write_text(path.read_text().replace("brighter", "darker"))
    with pytest.raises(ViperError, match=r"table\.tsv: damaged or changed.*unpack_benchmark again"):
        read_unpacked("BLINK", path)


def unpack_command(name: str, table: Path, folder: Path):
    app = typer.Typer()
    register(app)
    options = ["--table", str(table), "--pictures", str(table.parent), "--folder", str(folder)]
    return CliRunner().invoke(app, ["unpack-benchmark", name, *options], catch_exceptions=False)


def test_the_table_that_is_named_is_held_to_what_is_published(published, tmp_path):
    """And not one of the right name beside it."""
    copy = tmp_path / "Mantis-Eval.tsv"
    copy.write_bytes(published["Mantis-Eval"].read_bytes())
    other = published_form.write_table(tmp_path / "other.tsv", published_form.mmstar())
    with pytest.raises(ViperError, match=rf"{other}: the file of the benchmark Mantis-Eval is called Mantis-Eval\.tsv"):
        unpack_command("Mantis-Eval", other, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
    assert unpack_command("Mantis-Eval", copy, tmp_path / "unpacked").exit_code == 0
    published_form.write_table(tmp_path / "MMStar.tsv", published_form.mmstar())
    with pytest.raises(ViperError, match="does not have the MD5"):
        unpack_command("MMStar", tmp_path / "MMStar.tsv", tmp_path / "stars")


@pytest.mark.parametrize("name", ["Foo", "MicroStar"])
def test_what_is_no_official_benchmark_is_not_unpacked(name, tmp_path):
    table = published_form.write_table(tmp_path / f"{name}.tsv", published_form.mmstar())
    with pytest.raises(ViperError, match=f"{name}: there is no official benchmark of that name; there are MMStar"):
        unpack_command(name, table, tmp_path / "unpacked")


@pytest.mark.parametrize("name", ["MMStar", "CRPE_RELATION"])
@pytest.mark.parametrize("size", [(1, 5000), (201, 1)])
def test_a_picture_that_processors_refuse_is_not_unpacked(name, size, tmp_path):
    long, rows = published_form.picture("red", "PNG", size), published_form.TABLES[name]()
    given = tmp_path / "images" / name
    if name == "MMStar":
        rows[2]["image"] = base64.b64encode(long).decode()
    else:
        published_form.write_pictures(given)
        (given / published_form.ABNORMAL).write_bytes(long)
    source = published_form.write_table(tmp_path / f"{name}.tsv", rows)
    with pytest.raises(
        ViperError, match=rf"{name}\.tsv, row \d, column image.*{size[0]} x {size[1]} pixels.*200 times"
    ):
        unpack(name, source, given, tmp_path / "unpacked" / name)
    assert list((tmp_path / "unpacked").iterdir()) == []


@pytest.mark.parametrize("name", ["MMStar", "CRPE_RELATION"])
def test_a_broken_picture_leaves_nothing_behind(name, published, tmp_path):
    rows = published_form.TABLES[name]()
    source = published_form.write_table(tmp_path / f"{name}.tsv", rows)
    given = tmp_path / "images" / name
    if name == "MMStar":
        rows[2]["image"] = rows[2]["image"][:200] + "A" * 80
        published_form.write_table(source, rows)
    else:
        published_form.write_pictures(given)
        (given / published_form.COCO).write_bytes(b"no picture")
    with pytest.raises(ViperError, match=rf"{name}\.tsv, row \d, column image"):
        unpack(name, source, given, tmp_path / "unpacked" / name)
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_mme_realworld_with_other_items_is_refused(published, tmp_path, monkeypatch):
    monkeypatch.setattr(mme_realworld, "ITEMS", 24)
    with pytest.raises(ViperError, match="has 23 items, MME-RealWorld has 24"):
        unpacked_table("MME-RealWorld", published, tmp_path)


def test_what_is_made_anew_takes_the_place_of_the_old_whole(published, tmp_path):
    first = unpacked_table("MMStar", published, tmp_path).parent
    inode = first.stat().st_ino
    again = published_form.write_table(tmp_path / "MMStar.tsv", published_form.mmstar()[:2])
    unpack("MMStar", again, tmp_path, first)
    assert first.stat().st_ino != inode
    assert len(read_unpacked("MMStar", first / "table.tsv")) == 2
    assert {Path(name).parts[0] for name in read_manifest(first / "manifest.json").files} == {"table.tsv", "pictures"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


UNPACK = """
import sys, time
from pathlib import Path
from viper.evaluation import benchmark_tables, unpacked
real = benchmark_tables.read_picture
benchmark_tables.read_picture = lambda *a, **k: time.sleep(0.3) or real(*a, **k)
print("begun", flush=True)
source, folder = map(Path, sys.argv[1:])
unpacked.unpack("MMStar", source, source.parent, folder)
"""


def test_a_killed_unpacking_leaves_no_folder_that_is_taken_for_whole(published, tmp_path):
    folder = tmp_path / "unpacked/MMStar"
    process = subprocess.Popen(
        [sys.executable, "-c", UNPACK, str(published["MMStar"]), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    while not list(folder.parent.glob(".MMStar.*/MMStar/pictures/*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not folder.exists()
    unpack("MMStar", published["MMStar"], tmp_path, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["MMStar"], "what the dead process left is removed"


def test_two_at_once_leave_one_whole_folder(published, tmp_path):
    folder = tmp_path / "unpacked/MMStar"
    arguments = [sys.executable, "-c", UNPACK, str(published["MMStar"]), str(folder)]
    processes = [subprocess.Popen(arguments, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(read_unpacked("MMStar", folder / "table.tsv")) == 3
    assert [path.name for path in folder.parent.iterdir()] == ["MMStar"]


PEAK = """
import sys
from pathlib import Path
from viper.evaluation import mme_realworld, unpacked
mme_realworld._BLOCK = 2**18
mme_realworld.ITEMS = int(sys.argv[1])
folder = Path(sys.argv[2])
mme_realworld.write_table([folder / name for name in mme_realworld.CHUNKS], folder / "MME-RealWorld.tsv")
unpacked.unpack("MME-RealWorld", folder / "MME-RealWorld.tsv", folder, folder / "unpacked")
print(next(line.split()[1] for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_benchmark(tmp_path, monkeypatch):
    """From chunks to pictures: a table in memory would take the megabytes of all pictures besides."""
    buffer = io.BytesIO()
    Image.effect_noise((600, 600), 90).save(buffer, "PNG")
    image = base64.b64encode(buffer.getvalue()).decode()
    monkeypatch.setattr(published_form, "encoded", lambda color: image)
    peaks = []  # megabytes
    for count in (9, 90):
        published_form.write_chunks(tmp_path / str(count), count)
        arguments = [sys.executable, "-c", PEAK, str(count), str(tmp_path / str(count))]
        found = subprocess.run(arguments, capture_output=True, text=True, check=True)
        peaks.append(int(found.stdout) / 1024)
    assert peaks[1] - peaks[0] < 81 * len(image) / 2**20 / 4, f"{peaks} MB"

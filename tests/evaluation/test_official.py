"""Official benchmarks from servers that run here: whole and intact, or not there at all."""

import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

import published_form
from viper.errors import ViperError
from viper.evaluation import crpe_pictures, downloads, mme_realworld, official, vlmevalkit

CONTENT = b"index\tquestion\n0\tWhat?\n"
OTHER = CONTENT + b"1\tAnd this?\n"


class Web(http.server.BaseHTTPRequestHandler):
    """Sends `files` by their path, and the data sets of a hub; the first `dropped` times it hangs up in the middle."""

    files: dict = {}  # noqa: RUF012
    data: dict = {}  # noqa: RUF012  "OWNER/NAME@COMMIT" → path → content
    dropped = 0
    lost: set = set()  # noqa: RUF012  files of data sets that are not sent
    asked: list = []  # noqa: RUF012

    def log_message(self, *_):
        pass

    def reply(self, content, headers=None, status=200):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_GET(self):
        path = self.path.partition("?")[0]
        type(self).asked.append(f"{self.command} {path}")
        if path in self.files:
            content = self.files[path]
            if self.command == "GET" and type(self).dropped > 0:
                type(self).dropped -= 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                return None
            return self.reply(content)
        for pinned, files in self.data.items():
            name, _, commit = pinned.partition("@")
            if path.startswith((f"/api/datasets/{name}/revision/{commit}", f"/api/datasets/{name}/tree/{commit}")):
                return self.reply(json.dumps(self.about(name, commit, files, "/tree/" in path)).encode(), JSON)
            if path.startswith(f"/datasets/{name}/resolve/{commit}/"):
                if (file := path.partition(f"{commit}/")[2]) in self.lost:
                    return self.reply(b"", {"X-Error-Code": "EntryNotFound"}, 404)
                content = files[file]
                digest = hashlib.sha256(content).hexdigest()
                return self.reply(content, {"ETag": f'"{digest}"', "X-Repo-Commit": commit})
        return self.reply(b"", {"X-Error-Code": "RepoNotFound"}, 404)

    do_HEAD = do_GET  # noqa: N815

    @staticmethod
    def about(name, commit, files, tree):
        listed = [
            {"type": "file", "path": path, "rfilename": path, "size": len(content), "oid": "0" * 40,
             "lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}}
            for path, content in files.items()
        ]  # fmt: skip
        return listed if tree else {"id": name, "sha": commit, "siblings": listed, "tags": [], "private": False}


JSON = {"Content-Type": "application/json"}


@pytest.fixture
def web():
    handler = type("Handler", (Web,), {"files": {}, "data": {}, "dropped": 0, "lost": set(), "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.address = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def served(web, monkeypatch):
    """MMStar is served from here, and its published MD5 is that of CONTENT."""
    web.files["/MMStar.tsv"] = CONTENT

    class Known:
        DATASET_URL = {"MMStar": f"{web.address}/MMStar.tsv"}  # noqa: RUF012
        DATASET_MD5 = {"MMStar": hashlib.md5(CONTENT).hexdigest()}  # noqa: RUF012

    monkeypatch.setattr(vlmevalkit, "_known", lambda name: Known)
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    return web


@pytest.fixture
def mirrored(monkeypatch):
    """What the hub's copy of MMStar sends; None: the hub cannot be reached."""
    sent = [None]

    def fetch_data(pinned, files, folder, to):
        if sent[0] is None:
            raise ViperError(f"data set {pinned} is missing, and the hub cannot be reached. {to}")
        folder.mkdir(parents=True)
        (folder / files[0]).write_bytes(sent[0])
        return [folder / files[0]]

    monkeypatch.setattr(official, "fetch_data", fetch_data)
    return sent


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_a_benchmark_is_fetched_and_checked_over_a_line_that_breaks(dropped, served, mirrored, tmp_path):
    served.dropped = dropped
    output = tmp_path / "LMUData" / "MMStar.tsv"
    official.fetch_benchmark("MMStar", output)
    assert output.read_bytes() == CONTENT
    assert [path.name for path in output.parent.iterdir()] == ["MMStar.tsv"]
    assert sum(asked.startswith("GET") for asked in served.asked) == dropped + 1


@pytest.mark.parametrize("first", ["gone", "breaks", "other", "down"])
def test_a_mirror_stands_in_for_a_host_that_fails_or_sends_another_file(first, served, mirrored, tmp_path, monkeypatch):
    mirrored[0] = CONTENT
    if first == "gone":
        served.files.clear()
    if first == "breaks":
        served.dropped = 99
    if first == "other":
        served.files["/MMStar.tsv"] = OTHER
    if first == "down":
        monkeypatch.setattr(official, "source_url", lambda name: "http://127.0.0.1:1/MMStar.tsv")
    output = tmp_path / "LMUData" / "MMStar.tsv"
    official.fetch_benchmark("MMStar", output)
    assert output.read_bytes() == CONTENT
    assert [path.name for path in output.parent.iterdir()] == ["MMStar.tsv"]


def test_files_that_are_not_the_published_one_are_refused_wherever_they_come_from(served, mirrored, tmp_path):
    served.files["/MMStar.tsv"] = mirrored[0] = OTHER
    output = tmp_path / "LMUData" / "MMStar.tsv"
    with pytest.raises(ViperError, match=r"does not have the MD5.*mm-eval/VLMEvalKit@.*does not have the MD5"):
        official.fetch_benchmark("MMStar", output)
    assert not output.exists()


def test_what_cannot_be_reached_says_where_to_put_it(served, mirrored, tmp_path):
    served.files.clear()
    output = tmp_path / "LMUData" / "MMStar.tsv"
    message = rf"MMStar is missing, .*put its file at {output}\. .*MMStar\.tsv: there is no such.*hub cannot be reached"
    with pytest.raises(ViperError, match=message):
        official.fetch_benchmark("MMStar", output)


@pytest.mark.parametrize("name", ["Foo", "mmstar", "MicroStar", "", "../MMStar"])
def test_an_unknown_benchmark_is_told_the_official_ones(name, tmp_path):
    output = tmp_path / "LMUData" / "Foo.tsv"
    with pytest.raises(ViperError, match=rf"{name}: there is no official .*MMStar, .*Mantis-Eval, .*MMVP") as caught:
        official.fetch_benchmark(name, output)
    assert "; there are MMStar" in str(caught.value)
    assert not output.parent.exists()


@pytest.mark.parametrize("name", ["MMStar", "Mantis-Eval", "MME-RealWorld"])
@pytest.mark.parametrize("file", ["Mantis.tsv", "MMStar.csv", "MMStar"])
def test_a_file_called_otherwise_is_refused_before_anything_is_fetched(name, file, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(official, "fetch_data", lambda *_: asked.append(_))
    monkeypatch.setattr(official, "download", lambda *_: asked.append(_))
    output = tmp_path / "LMUData" / file
    with pytest.raises(ViperError, match=rf"{file}: the file of the benchmark {name} is called {name}\.tsv"):
        official.fetch_benchmark(name, output)
    assert asked == []
    assert not output.parent.exists()


def test_every_benchmark_is_asked_for_where_its_published_file_is():
    """Names, commits, MD5s: a source for each, and a second one for whatever VLMEvalKit's own server has."""
    from viper.evaluation.registry import OFFICIAL

    vlmevalkit.import_vlmeval()
    for name in OFFICIAL:
        url = vlmevalkit.source_url(name)
        assert url or name in official.MIRRORS or name in official._MADE_HERE, name
        if url and "openxlab" in url:
            assert name in official.MIRRORS, name
    pins = [pinned for pinned, _ in [*official.MIRRORS.values(), official.MANTIS]]
    for pinned in [*pins, mme_realworld.DATA, crpe_pictures.ABNORMAL]:
        assert len(pinned.partition("@")[2]) == 40, pinned


def test_data_of_the_hub_say_how_to_get_them_elsewhere(tmp_path):
    output = tmp_path / "Mantis-Eval.tsv"
    with pytest.raises(ViperError, match=r"Mantis-Eval at 1d6fcb99bd0e is missing, and the hub .*convert-mantis"):
        official.fetch_benchmark("Mantis-Eval", output)  # the tests run with HF_HUB_OFFLINE=1


def fetch(web, *arguments, **changes):
    """A command of viper in a process of its own, since huggingface_hub reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": web.address, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    code = "from viper.evaluation import mme_realworld, crpe_pictures, official; import runpy, sys\n"
    code += "".join(f"{name} = {value!r}\n" for name, value in changes.items())
    code += "sys.argv[0] = 'viper'; runpy.run_module('viper', run_name='__main__', alter_sys=True)"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def chunks_of(folder: Path, count: int) -> dict[str, bytes]:
    published_form.write_chunks(folder, count)
    return {name: (folder / name).read_bytes() for name in mme_realworld.CHUNKS}


def test_mme_realworld_is_built_from_the_chunks_of_its_data_set(web, tmp_path):
    web.data[mme_realworld.DATA] = chunks_of(tmp_path / "chunks", 23) | {"README.md": b"more"}
    output = tmp_path / "LMUData/MME-RealWorld.tsv"
    result = fetch(web, "fetch-benchmark", "MME-RealWorld", "--output", output, **{"mme_realworld.ITEMS": 23})
    assert result.returncode == 0, result.stderr
    assert len(pd.read_csv(output, sep="\t")) == 23
    assert [path.name for path in output.parent.iterdir()] == ["MME-RealWorld.tsv"], "chunks are not kept"
    mme_realworld.write_table([tmp_path / "chunks" / name for name in mme_realworld.CHUNKS], tmp_path / "expected.tsv")
    assert output.read_bytes() == (tmp_path / "expected.tsv").read_bytes()


def test_mme_realworld_goes_on_with_the_chunks_that_it_has_and_refuses_too_few_items(web, tmp_path):
    web.data[mme_realworld.DATA] = chunks_of(tmp_path / "chunks", 23)
    last = mme_realworld.CHUNKS[-1]
    output = tmp_path / "LMUData/MME-RealWorld.tsv"
    arguments = ("fetch-benchmark", "MME-RealWorld", "--output", output)
    web.lost.add(last)
    result = fetch(web, *arguments, **{"mme_realworld.ITEMS": 24})
    assert result.returncode == 2, result.stderr
    assert "the hub does not deliver it" in result.stderr
    assert not output.exists()
    web.lost.clear()
    web.asked.clear()
    result = fetch(web, *arguments, **{"mme_realworld.ITEMS": 24})
    assert result.returncode == 2
    assert "have 23 items, 24 are published" in result.stderr
    assert not output.exists()
    assert {asked.rpartition("/")[2] for asked in web.asked if asked.startswith("GET /datasets")} == {Path(last).name}


def test_mantis_eval_is_converted_from_its_pinned_file(web, tmp_path):
    buffer = io.BytesIO()
    pd.DataFrame(published_form.mantis()).to_parquet(buffer)
    web.data[official.MANTIS[0]] = {official.MANTIS[1]: buffer.getvalue()}
    output = tmp_path / "LMUData/Mantis-Eval.tsv"
    result = fetch(web, "fetch-benchmark", "Mantis-Eval", "--output", output)
    assert result.returncode == 0, result.stderr
    assert pd.read_csv(output, sep="\t")["question"].str.startswith("<image>").all()


def test_crpes_pictures_come_from_coco_and_from_its_authors(web, tmp_path):
    table = published_form.write_table(tmp_path / "CRPE_RELATION.tsv", published_form.crpe())
    folder = tmp_path / "images/CRPE_RELATION"
    pictures = {name: published_form.picture("red") for name in (published_form.COCO, published_form.ABNORMAL)}
    web.data[crpe_pictures.ABNORMAL] = {published_form.ABNORMAL: pictures[published_form.ABNORMAL], "x.jsonl": b"{}"}
    coco = {"crpe_pictures.COCO": f"{web.address}/"}
    arguments = ("fetch-benchmark-pictures", table, "--folder", folder)

    result = fetch(web, *arguments, **coco)
    assert result.returncode == 2
    assert f"{folder / published_form.COCO} is missing" in result.stderr
    assert not (folder / "manifest.json").exists()

    web.files["/val2017/000000000139.jpg"] = pictures[published_form.COCO]
    web.asked.clear()
    result = fetch(web, *arguments, **coco)
    assert result.returncode == 0, result.stderr
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}
    assert found == pictures
    assert [path.name for path in folder.parent.iterdir()] == ["CRPE_RELATION"]
    assert not [asked for asked in web.asked if published_form.ABNORMAL in asked], "it was there already"


def test_a_table_with_pictures_needs_none_besides(tmp_path):
    table = published_form.write_table(tmp_path / "CRPE_EXIST.tsv", published_form.mmstar())
    assert crpe_pictures.fetch_pictures(table, tmp_path / "images/CRPE_EXIST").is_file()
    assert [path.name for path in (tmp_path / "images/CRPE_EXIST").iterdir()] == ["manifest.json"]

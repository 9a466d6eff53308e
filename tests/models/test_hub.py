"""Fetching from a hub that runs here: the endpoints that huggingface_hub asks, and what goes wrong with them."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rehearsal import hub_models
from viper.errors import ViperError
from viper.manifest import model_files, model_folder
from viper.models.hub import fetch_model

COMMIT = "5" * 40
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors.index.json": b'{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}',
    "model-1.safetensors": b"first shard" * 100,
    "model-2.safetensors": b"second shard" * 100,
}


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    """One model, `owner/open`; `owner/gated` wants a licence to be accepted; `owner/broken` sends other bytes."""

    requests: list = []  # noqa: RUF012

    def log_message(self, *_):
        pass

    def reply(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        self.requests.append((self.command, self.path))
        path = self.path.partition("?")[0]
        if "/gated/" in path:
            return self.reply(403, {"X-Error-Code": "GatedRepo"})
        if "/absent/" in path:
            return self.reply(404, {"X-Error-Code": "RepoNotFound"})
        if COMMIT not in path:
            return self.reply(404, {"X-Error-Code": "RevisionNotFound"})
        if path.startswith(("/api/models/", "/api/datasets/")):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
                | (
                    {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}}
                    if name.endswith(".safetensors")
                    else {}
                )
                for name, content in FILES.items()
            ]
            return self.reply(200, {"Content-Type": "application/json"}, json.dumps(tree).encode())
        name = path.rpartition("/")[2]
        content = FILES[name]
        digest = hashlib.sha256(content).hexdigest() if name.endswith(".safetensors") else git_hash(content)
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}
        if "/broken/" in path and name == "model-2.safetensors":
            content = content[::-1]
        return self.reply(200, headers, content)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture(scope="module")
def endpoint():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fetch(name, folder, endpoint, **environment):
    """`viper fetch-model` in a process of its own, since huggingface_hub reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*"}
    return subprocess.run(
        [sys.executable, "-m", "viper", "fetch-model", name, "--folder", str(folder)],
        env=os.environ | settings | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def fetched(endpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache") / "owner" / "open" / COMMIT
    result = fetch(f"owner/open@{COMMIT}", folder, endpoint)
    assert result.returncode == 0, result.stderr
    return folder


def test_a_model_is_fetched_whole_with_its_checksums(fetched):
    assert {path.name: path.read_bytes() for path in fetched.iterdir() if path.name in FILES} == FILES
    assert model_folder(fetched / "manifest.json") == fetched
    listed = json.loads((fetched / "manifest.json").read_text())["files"]
    assert {name: facts["sha256"] for name, facts in listed.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }


def test_it_is_downloaded_once(fetched, endpoint):
    Hub.requests.clear()
    assert fetch(f"owner/open@{COMMIT}", fetched, endpoint).returncode == 0
    assert not [path for method, path in Hub.requests if method == "GET" and "/resolve/" in path]


def test_photographs_are_fetched_as_far_as_they_are_named(endpoint, tmp_path):
    """Of a data set whose files are those of the model here, one."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*"}
    command = [sys.executable, "-m", "viper", "fetch-photographs", f"owner/open@{COMMIT}", "--folder", str(tmp_path)]

    def run(file):
        arguments = [*command, "--file", file]
        return subprocess.run(arguments, env=os.environ | settings, capture_output=True, text=True, check=False)

    done = run("model-1.safetensors")
    assert done.returncode == 0, done.stderr
    assert model_folder(tmp_path / "manifest.json") == tmp_path
    assert (tmp_path / "model-1.safetensors").read_bytes() == FILES["model-1.safetensors"]
    assert not (tmp_path / "model-2.safetensors").exists()
    refused = run("none.parquet")
    assert refused.returncode == 2
    assert "lacks none.parquet" in refused.stderr


def carried(fetched, tmp_path):
    folder = tmp_path / "elsewhere"
    shutil.copytree(fetched, folder)
    (folder / "manifest.json").unlink()
    return folder


def test_a_folder_that_was_carried_here_needs_no_network(fetched, tmp_path, endpoint):
    folder = carried(fetched, tmp_path)
    result = fetch(f"owner/open@{COMMIT}", folder, endpoint, HF_HUB_OFFLINE="1")
    assert result.returncode == 0, result.stderr
    assert (folder / "manifest.json").read_text() == (fetched / "manifest.json").read_text()


def remove_a_shard(folder: Path):
    (folder / "model-2.safetensors").unlink()


def change_a_byte(folder: Path):
    content = bytearray((folder / "model-1.safetensors").read_bytes())
    content[5] ^= 1
    (folder / "model-1.safetensors").write_bytes(content)


def lose_the_notes(folder: Path):
    shutil.rmtree(folder / ".cache")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (remove_a_shard, "model-2.safetensors|is missing, and the hub cannot be reached"),
        (change_a_byte, "model-1.safetensors is damaged"),
        (lose_the_notes, "cannot be checked"),
        (shutil.rmtree, "is missing, and the hub cannot be reached. On a machine with a network: `hf download"),
    ],
)
def test_what_cannot_be_used_is_named(fetched, tmp_path, endpoint, harm, message):
    folder = carried(fetched, tmp_path)
    harm(folder)
    result = fetch(f"owner/open@{COMMIT}", folder, endpoint, HF_HUB_OFFLINE="1")
    assert result.returncode == 2
    assert any(part in result.stderr for part in message.split("|")), result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"owner/gated@{COMMIT}", "licence that this account has not accepted"),
        (f"owner/absent@{COMMIT}", "the hub has nothing of that name"),
        (f"owner/open@{'6' * 40}", "the hub has no such commit"),
        (f"owner/broken@{COMMIT}", "model-2.safetensors is damaged"),
    ],
)
def test_what_the_hub_refuses_is_explained(name, message, tmp_path, endpoint):
    result = fetch(name, tmp_path / "model", endpoint)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "model" / "manifest.json").exists()


NOTES = Path(".cache", "huggingface", "download")
PINNED = f"owner/open@{COMMIT}"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
PARTS = {
    "_class_name": "TinyPipeline",
    "_ignore_files": ["a.bin", "b.bin"],
    "boundaries": [0.5, "1"],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "TinyScheduler"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "vae": ["diffusers", "AutoencoderTiny"],
}
PIPELINE = {
    "model_index.json": json.dumps(PARTS).encode(),
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/config.json": b"{}",
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"weights",
}


def note(folder):
    """Note each file of a model as huggingface_hub does when it downloads it."""
    for path in model_files(folder):
        place = folder / NOTES / f"{path.relative_to(folder).as_posix()}.metadata"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{COMMIT}\n{git_hash(path.read_bytes())}\n{path.stat().st_mtime}\n")


def downloaded(folder, files):
    """A folder with these files, each noted, and without a list of what else belongs to the model."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    note(folder)
    return folder


def refused(folder):
    """What the message about a folder says, which has no manifest then; it names the folder and how to mend it."""
    with pytest.raises(ViperError) as caught:
        fetch_model(PINNED, folder)
    assert str(folder) in str(caught.value)
    assert f"get it again with `hf download owner/open --revision {COMMIT}" in str(caught.value)
    assert not (folder / "manifest.json").exists()
    return str(caught.value)


def without(files, *names):
    return {name: content for name, content in files.items() if name not in names}


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        ({CONFIG: b"{}"}, "weights"),
        ({}, "weights"),
        ({CONFIG: b"{}", INDEX: b'{"weight_map": {}}'}, "weights"),
        ({CONFIG: b"{}", "training_args.bin": b"pickle", "openvino/openvino_model.bin": b"other"}, "weights"),
        ({CONFIG: b"{}", "modules.json": b"[]", "onnx/model.onnx": b"other"}, "weights"),
        (without(FILES, "model-1.safetensors"), "model-1.safetensors"),
        ({**FILES, INDEX: b'{"weight_map": {"a": "/model-1.safetensors"}}'}, "/model-1.safetensors"),
        ({**FILES, INDEX: b'{"weight_map": {"a": "' + b"long" * 99 + b'"}}'}, "long" * 99),
        ({**FILES, INDEX: b'{"weight_map": {"a": "nul\\u0000"}}'}, "nul\0"),
        (without(PIPELINE, "scheduler/scheduler_config.json"), "the part scheduler"),
        (without(PIPELINE, "tokenizer/config.json"), "the part tokenizer"),
        (without(PIPELINE, "vae/config.json", "vae/diffusion_pytorch_model.safetensors"), "the part vae"),
        (without(PIPELINE, "vae/diffusion_pytorch_model.safetensors"), "the weights of the part vae"),
        (
            {name: PIPELINE[name] for name in ["model_index.json"]},
            "the part scheduler, the part tokenizer, the part vae",
        ),
        ({"model_index.json": b"{}"}, "weights"),
    ],
)
def test_a_fragment_is_no_model(files, lacking, tmp_path):
    (tmp_path / NOTES).mkdir(parents=True)
    assert f"{tmp_path} lacks {lacking}" in refused(downloaded(tmp_path, files))


def test_an_empty_folder_of_a_part_holds_nothing(tmp_path):
    downloaded(tmp_path, without(PIPELINE, "scheduler/scheduler_config.json"))
    (tmp_path / "scheduler").mkdir()
    assert "lacks the part scheduler:" in refused(tmp_path)


def test_a_download_that_was_killed_is_said_to_be_one(tmp_path):
    downloaded(tmp_path / "model", {CONFIG: b"{}"})
    result = fetch(PINNED, tmp_path / "model", "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert result.returncode == 2
    assert "lacks weights (*.safetensors or pytorch_model*.bin" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "model" / "manifest.json").exists()


@pytest.mark.parametrize(
    "files",
    [
        FILES,
        PIPELINE,
        {CONFIG: b"{}", "model.fp16.safetensors": b"weights"},
        {CONFIG: b"{}", "0_Transformer/model.safetensors": b"weights"},
        {CONFIG: b"{}", "pytorch_model-00001-of-00002.bin": b"pickle", "pytorch_model-00002-of-00002.bin": b"pickle"},
        {**without(PIPELINE, "vae/diffusion_pytorch_model.safetensors"), "vae/diffusion_pytorch_model.bin": b"pickle"},
        {
            **FILES,
            "parts/" + INDEX: b'{"metadata": {}, "weight_map": {"a": "./1.safetensors"}}',
            "parts/1.safetensors": b"",
        },
    ],
)
def test_a_whole_model_is_taken(files, tmp_path):
    assert model_folder(fetch_model(PINNED, downloaded(tmp_path, files))) == tmp_path


@pytest.mark.parametrize(
    "write",
    [
        partial(hub_models.write_vlm, tied=False),
        hub_models.write_other_vlm,
        partial(hub_models.write_pipeline, edits=True),
        hub_models.write_embedder,
    ],
)
def test_the_layouts_of_the_hub_are_whole(write, tmp_path):
    write(tmp_path)
    note(tmp_path)
    assert model_folder(fetch_model(PINNED, tmp_path)) == tmp_path
    assert model_folder(fetch_model(PINNED, tmp_path)) == tmp_path  # with what was converted


def test_a_pipeline_without_a_part_that_it_leaves_out_is_whole(pipeline_folders, tmp_path):
    folder = shutil.copytree(pipeline_folders["painter"], tmp_path / "painter")
    assert json.loads((folder / "model_index.json").read_text())["safety_checker"] == [None, None]
    note(folder)
    assert model_folder(fetch_model(PINNED, folder)) == folder


@pytest.mark.parametrize("name", [INDEX, "vae/" + INDEX, "model_index.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b'{"weight_map": {"a": "mod', b"[]", b"null", b"\xff", pytest.param(b"[" * 100_000, id="deep")],
)
def test_a_damaged_index_is_named(name, content, tmp_path):
    folder = downloaded(tmp_path, {**without(PIPELINE, "model_index.json"), name: content})
    message = refused(folder)
    assert message.startswith(f"{folder / name}: ")
    assert "The file is damaged: remove it and get it again" in message


@pytest.mark.parametrize(
    "content", [b"{}", b'{"weight_map": []}', b'{"weight_map": null}', b'{"weight_map": {"a": 1}}']
)
def test_an_index_without_a_mapping_is_damaged(content, tmp_path):
    assert f"{INDEX}: weight_map" in refused(downloaded(tmp_path, {**FILES, INDEX: content}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        COMMIT.encode(),
        f"{COMMIT}\n".encode(),
        f"{COMMIT}\n{'a' * 39}".encode(),
        b"\xff\n\xff\n\xff\n",
        None,
    ],
)
def test_an_unreadable_note_is_none(content, tmp_path):
    place = downloaded(tmp_path, FILES) / NOTES / "config.json.metadata"
    place.unlink()
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content)
    assert f"{tmp_path / CONFIG} cannot be checked" in refused(tmp_path)


values = st.recursive(
    st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
)
shards = st.sampled_from(["model-1.safetensors", "model-2.safetensors", "none.safetensors", "..", "", "/"]) | values
indices = st.one_of(
    st.binary(),
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.text(), shards).map(lambda named: json.dumps({"weight_map": named}).encode()),
)


@settings(deadline=None)
@given(content=indices)
@example(content=FILES[INDEX])
def test_whatever_an_index_holds_is_taken_or_named(content, tmp_path_factory):
    folder = downloaded(tmp_path_factory.getbasetemp() / "any index", {**FILES, INDEX: content})
    try:
        fetch_model(PINNED, folder).unlink()
    except ViperError:
        refused(folder)
    else:
        assert set(json.loads(content.decode("utf-8-sig"))["weight_map"].values()) <= FILES.keys()


@settings(deadline=None)
@given(
    content=st.binary()
    | st.lists(st.sampled_from([COMMIT, "6" * 40, git_hash(FILES[CONFIG]), "1.5", ""])).map(
        lambda lines: "\n".join(lines).encode()
    )
)
@example(content=f"{COMMIT}\n{git_hash(FILES[CONFIG])}\n1.5\n".encode())
def test_whatever_a_note_holds_is_taken_or_named(content, tmp_path_factory):
    folder = downloaded(tmp_path_factory.getbasetemp() / "any note", FILES)
    (folder / NOTES / f"{CONFIG}.metadata").write_bytes(content)
    try:
        fetch_model(PINNED, folder).unlink()
    except ViperError:
        refused(folder)
    else:
        assert content.decode(errors="replace").split("\n")[:2] == [COMMIT, git_hash(FILES[CONFIG])]

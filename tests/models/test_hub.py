"""Fetching from a hub that runs here: the endpoints that huggingface_hub asks, and what goes wrong with them."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from viper.manifest import model_folder

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

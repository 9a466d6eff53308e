"""Two of the failures of a rehearsal by themselves: a connection that drops, and a download that is killed."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from rehearsal.failures import kill_command, wait_for
from rehearsal.server import Hub
from repository import ROOT

PINNED = f"owner/name@{'c' * 40}"
LARGE, SMALL = "model.safetensors", "config.json"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "hub" / "models" / "owner" / "name"
    folder.mkdir(parents=True)
    (folder / LARGE).write_bytes(CONTENT)
    (folder / SMALL).write_text("{}", encoding="utf-8")
    with Hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def fetch(hub, tmp_path):
    """Return a function that starts the download of the model into tmp_path/model."""
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    command = [sys.executable, "-m", "viper", "fetch-model", PINNED, "--folder", str(tmp_path / "model")]
    return lambda: subprocess.Popen(
        command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def arrived(process, tmp_path):
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert (tmp_path / "model" / "manifest.json").is_file()
    return (tmp_path / "model" / LARGE).read_bytes()


def test_a_dropped_connection_is_survived(hub, fetch, tmp_path):
    hub.drop = Counter({f"*/{LARGE}": 1})
    assert arrived(fetch(), tmp_path) == CONTENT
    assert [path.rpartition("/")[2] for path in hub.dropped] == [LARGE]


def test_a_killed_download_is_taken_up(hub, fetch, tmp_path):
    hub.slow[f"*/{LARGE}"] = 0.1
    process = fetch()
    wait_for(lambda: any(path.endswith(LARGE) for path in hub.served), process)
    assert kill_command(PINNED, ROOT) == 1
    process.communicate()
    assert not (tmp_path / "model" / "manifest.json").exists()
    hub.slow.clear()
    assert arrived(fetch(), tmp_path) == CONTENT

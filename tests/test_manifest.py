"""A manifest stands for a whole folder."""

import json

import pytest

from viper.errors import ViperError
from viper.manifest import model_folder, sha256, write_manifest


def test_lists_every_file_below_the_folder(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "shards" / "a.safetensors").write_bytes(b"abc")
    manifest = write_manifest(tmp_path)
    files = json.loads(manifest.read_text())["files"]
    assert list(files) == ["config.json", "shards/a.safetensors"]
    assert files["shards/a.safetensors"] == {"bytes": 3, "sha256": sha256(tmp_path / "shards" / "a.safetensors")}
    assert write_manifest(tmp_path).read_text() == manifest.read_text()
    assert model_folder(manifest) == tmp_path


def test_incomplete_folders_are_refused(tmp_path):
    with pytest.raises(ViperError, match="is missing; run the rule"):
        model_folder(tmp_path / "manifest.json")
    (tmp_path / "weights").write_bytes(b"abc")
    manifest = write_manifest(tmp_path)
    (tmp_path / "weights").write_bytes(b"ab")
    with pytest.raises(ViperError, match="3 bytes"):
        model_folder(manifest)

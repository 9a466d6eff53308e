"""What `viper regenerate` starts from is what was recorded, whichever byte of whichever copy was damaged."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from viper.errors import ViperError
from viper.listings import place_of
from viper.provenance import figures, regenerate, stored
from viper.provenance.fetching import UnreachableError, obtain
from viper.provenance.objects import STORE, put
from viper.provenance.regenerate import UNFETCHABLE, RegenerateError, _put
from viper.recorded import Lock

FOLDER = "models/toy/base.csr"
NAMES = st.sampled_from(["a.bin", "manifest.json", "below/b.parquet", "c d.txt"])


def keep(cache, content, suffix=""):
    """Put some bytes into a cache; return the object's name."""
    name = hashlib.md5(content).hexdigest() + suffix
    place = place_of(cache, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return name


@given(files=st.dictionaries(NAMES, st.binary(min_size=1, max_size=40), min_size=1), data=st.data())
def test_one_flipped_bit_in_any_copy_is_named_and_nothing_is_taken_for_whole(tmp_path_factory, files, data):
    root = tmp_path_factory.mktemp("fetching")
    names = {name: keep(root / "cache", content) for name, content in files.items()}
    listing = [{"md5": names[name], "relpath": name} for name in sorted(files)]
    folder = keep(root / "cache", json.dumps(listing).encode(), ".dir")
    assert _put(root / "whole", FOLDER, folder, [root / "empty", root / "cache"])
    assert {name: (root / "whole" / FOLDER / name).read_bytes() for name in files} == files

    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    place_of(root / "cache", names[name]).write_bytes(content)
    with pytest.raises(RegenerateError, match=f"{FOLDER}, MD5 {folder}: .*{names[name][2:]}: damaged") as error:
        _put(root / "place", FOLDER, folder, [root / "empty", root / "cache"])
    assert error.value.status == UNFETCHABLE
    assert not (root / "place" / FOLDER / name).exists()


def test_what_no_store_has_is_somebody_elses_to_fetch(tmp_path):
    assert not _put(tmp_path, FOLDER, "0" * 32 + ".dir", [tmp_path / "cache"])
    assert not _put(tmp_path, "results/toy/main/main.csv", "0" * 32, [])


@given(files=st.dictionaries(NAMES, st.binary(min_size=1, max_size=40), min_size=1), data=st.data())
def test_the_objects_of_a_folder_may_lie_in_several_places(tmp_path_factory, files, data):
    root = tmp_path_factory.mktemp("scattered")
    folders = [root / "store", root / "cache", root / "other"]
    names = {name: keep(data.draw(st.sampled_from(folders)), content) for name, content in files.items()}
    listing = json.dumps([{"md5": names[name], "relpath": name} for name in sorted(files)]).encode()
    folder = keep(data.draw(st.sampled_from(folders)), listing, ".dir")
    for md5 in data.draw(st.sets(st.sampled_from([folder, *names.values()]))):  # a damaged copy beside the whole one
        first = next(each for each in folders if place_of(each, md5).is_file())
        content = place_of(first, md5).read_bytes()
        for other in folders[folders.index(first) + 1 :]:
            keep(other, content, md5[32:])
            place_of(first, md5).write_bytes(content + b"damaged")
            break
    assert put(FOLDER, folder, folders, root / "place")
    assert {name: (root / "place" / FOLDER / name).read_bytes() for name in files} == files


# --- by path and hash, whatever dvc.yaml says

TABLE = "results/toy/main/main.csv"


@pytest.fixture
def repository(tmp_path):
    """A DVC repository whose dvc.yaml was written anew since the recording: its stage owns another out."""
    root = tmp_path / "toy"
    (root / ".dvc").mkdir(parents=True)
    config = "[core]\n    remote = store\n    analytics = false\n"
    for name in ("store", "archive"):
        config += f"['remote \"{name}\"']\n    url = ../{name}\n"
    (root / ".dvc" / "config").write_text(config)
    stage = {"cmd": "true", "outs": ["results/toy/main/other.csv"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"main": stage}}))
    return root


def record(root, outs):
    """Write a dvc.lock of one stage; return its content."""
    rows = [{"path": path, "md5": md5, "hash": "md5"} for path, md5 in outs.items()]
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"main": {"cmd": "true", "outs": rows}}}))
    return Lock((root / "dvc.lock").read_text())


@pytest.mark.slow
def test_what_no_stage_owns_any_more_is_fetched_by_its_hash(repository, tmp_path):
    archive = repository / "archive/files/md5"
    table = keep(archive, b"from the archive")
    weights = keep(archive, b"weights")
    folder = keep(archive, json.dumps([{"md5": weights, "relpath": "below/a.bin"}], sort_keys=True).encode(), ".dir")
    lock = record(repository, {TABLE: table, FOLDER: folder})
    (repository / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    refused = [sys.executable, "-m", "dvc", "fetch", "--remote", "archive", TABLE]
    assert subprocess.run(refused, cwd=repository, capture_output=True, check=False).returncode != 0  # DVC's own way

    place = tmp_path / "place"
    obtain({path: entry.md5 for path, entry in lock.outs.items()}, place, repository)
    assert (place / TABLE).read_bytes() == b"from the archive"
    assert (place / FOLDER / "below/a.bin").read_bytes() == b"weights"
    assert sorted(path.name for path in repository.iterdir()) == [".dvc", "archive", "dvc.lock", "dvc.yaml"]


def test_what_lies_in_the_store_needs_no_dvc(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("viper.tools.subprocess.run", None)
    lock = record(repository, {TABLE: keep(repository / STORE, b"kept")})
    figures._put([TABLE], lock, tmp_path / "place", repository)
    assert (tmp_path / "place" / TABLE).read_bytes() == b"kept"
    folders = [repository / STORE]
    regenerate._fetch(tmp_path / "again", (TABLE,), TABLE, lock, folders, repository)
    assert (tmp_path / "again" / TABLE).read_bytes() == b"kept"


def fetch_for_figures(lock, place):
    figures._put([TABLE], lock, place, Path())


def fetch_for_regenerate(lock, place):
    regenerate._fetch(place, (TABLE,), TABLE, lock, [STORE])


def fetch_for_models(lock, place):
    outs = [{"path": TABLE, "md5": lock.outs[TABLE].md5}]
    Path("tables.dvc").write_text(yaml.safe_dump({"outs": outs}))
    stored.fetch(Path("tables.dvc"))


@pytest.mark.slow
@pytest.mark.parametrize("fetch", [fetch_for_figures, fetch_for_regenerate, fetch_for_models])
def test_what_dvc_says_is_in_the_one_message(repository, tmp_path, fetch, monkeypatch):
    monkeypatch.chdir(repository)
    absent = "0" * 32
    lock = record(repository, {TABLE: absent})
    with pytest.raises(ViperError) as error:
        fetch(lock, tmp_path / "place")
    said = str(error.value)
    assert f"{TABLE}: neither in store/ nor in a remote within reach (DVC says of remote archive: " in said
    assert absent in said
    assert "\n" not in said
    assert not (tmp_path / "place" / TABLE).exists()
    assert not (repository / TABLE).exists()


def test_without_another_remote_the_message_says_so(repository, tmp_path):
    (repository / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    with pytest.raises(UnreachableError, match="DVC has no other remote"):
        obtain({TABLE: "0" * 32}, tmp_path / "place", repository)

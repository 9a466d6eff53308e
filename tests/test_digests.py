"""A file that was changed behind the workflow's back is noticed by whoever reads it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viper import digests
from viper.errors import ViperError
from viper.files import atomic_write
from viper.listings import digest_of, digests_of
from viper.manifest import model_folder, write_manifest
from viper.reading import read_bytes
from viper.synthesis.rows import INTEGER, TEXT, read_rows, write_rows


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(digests.RUN, raising=False)
    return tmp_path


def write(path, content=b"as it was made"):
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    return path


def test_what_was_written_is_accepted_and_its_digest_known(here):
    write("data/a.bin")
    assert read_bytes("data/a.bin") == read_bytes(here / "data" / "a.bin") == b"as it was made"
    assert digests.noted("data/a.bin") == digests.noted("./data/../data/a.bin") == digests.digest("data/a.bin")
    assert digests.noted("data/b.bin") is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_flipped_byte_of_a_shard_is_found(data):
    write_rows("shard.parquet", [{"id": str(i), "n": i} for i in range(20)], {"id": TEXT, "n": INTEGER})
    content = bytearray(Path("shard.parquet").read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    Path("shard.parquet").write_bytes(content)
    with pytest.raises(ViperError, match=r"shard\.parquet: damaged or changed: expected MD5 \w+ .*found \w+\. Remove"):
        read_rows("shard.parquet")


def test_rows_that_are_gone_are_found():
    rows = [{"id": str(i), "n": i} for i in range(24)]
    write_rows("shard.parquet", rows, {"id": TEXT, "n": INTEGER})
    shutil.copy("shard.parquet", "kept.parquet")
    write_rows("cut.parquet", rows[5:], {"id": TEXT, "n": INTEGER})
    shutil.copy("cut.parquet", "shard.parquet")
    with pytest.raises(ViperError, match="damaged or changed"):
        read_rows("shard.parquet")
    shutil.copy("kept.parquet", "shard.parquet")
    assert len(read_rows("shard.parquet")) == 24


def test_one_run_hashes_a_file_once_and_again_when_it_was_touched(monkeypatch):
    write("a.bin")
    hashed = []
    original = digests.digest
    monkeypatch.setattr(digests, "digest", lambda path, *rest: hashed.append(path) or original(path, *rest))
    monkeypatch.setenv(digests.RUN, "one")
    for _ in range(3):
        digests.check("a.bin")
    assert len(hashed) == 1
    os.utime("a.bin", ns=(1, 1))
    digests.check("a.bin")
    assert len(hashed) == 2
    monkeypatch.setenv(digests.RUN, "another")
    digests.check("a.bin")
    assert len(hashed) == 3
    monkeypatch.delenv(digests.RUN)
    digests.check("a.bin")
    digests.check("a.bin")
    assert len(hashed) == 5


def lock(path, md5):
    (path.parent / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  s:\n    cmd: c\n    outs:\n    - path: {path.name}\n      md5: {md5}\n"
    )


def test_a_file_of_dvc_lock_without_a_note_is_held_to_that(here):
    path = here / "out.bin"
    path.write_bytes(b"fetched")
    lock(path, digests.digest(path))
    assert read_bytes(path) == b"fetched"
    path.write_bytes(b"damaged")
    with pytest.raises(ViperError, match=r"recorded in dvc\.lock|noted when"):
        read_bytes(path)


def test_recorded_bytes_that_dvc_put_over_ones_own_are_right(here):
    path = write(here / "out.bin", b"my own")
    (here / "recorded").write_bytes(b"recorded")
    lock(path, digests.digest(here / "recorded"))
    assert read_bytes(path) == b"my own"
    shutil.copy(here / "recorded", path)
    assert read_bytes(path) == b"recorded"
    path.write_bytes(b"neither")
    with pytest.raises(ViperError, match="damaged or changed"):
        read_bytes(path)


def test_a_file_in_a_recorded_folder_is_found_by_its_listing(here):
    (here / "folder").mkdir()
    (here / "folder" / "a.bin").write_bytes(b"fetched")
    name = digest_of(here / "folder")
    listing = json.dumps([{"md5": digests.digest("folder/a.bin"), "relpath": "a.bin"}])
    cached = here / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    cached.parent.mkdir(parents=True)
    cached.write_text(listing)
    lock(here / "folder", name)
    assert read_bytes("folder/a.bin") == b"fetched"
    (here / "folder" / "a.bin").write_bytes(b"damaged")
    with pytest.raises(ViperError, match="damaged or changed"):
        read_bytes("folder/a.bin")


NAMES = st.sampled_from(["a.bin", "manifest.json", "below/b.bin", "ü d.txt", "below/c/e.bin"])
CHANGES = ["flipped", "cut", "more", "gone", "added", "none"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    files=st.dictionaries(NAMES, st.binary(min_size=1, max_size=30), min_size=2),
    change=st.sampled_from(CHANGES),
    listing=st.sampled_from(["absent", "damaged"]),
    data=st.data(),
)
def test_any_change_in_a_recorded_folder_without_its_listing_is_found(tmp_path_factory, files, change, listing, data):
    root = tmp_path_factory.mktemp("unlisted")
    os.chdir(root)
    for name, content in files.items():
        place = root / "folder" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    recorded = digest_of(root / "folder")
    lock(root / "folder", recorded)
    if listing == "damaged":
        cached = root / "store/files/md5" / recorded[:2] / recorded[2:]
        cached.parent.mkdir(parents=True)
        cached.write_text("[]")
    changed, read = (data.draw(st.sampled_from(sorted(files))) for _ in range(2))
    place = root / "folder" / changed
    if change == "flipped":
        place.write_bytes(bytes([files[changed][0] ^ 1]) + files[changed][1:])
    elif change == "cut":
        place.write_bytes(files[changed][:-1])
    elif change == "more":
        place.write_bytes(files[changed] + b"\0")
    elif change == "gone" and changed != read:
        place.unlink()
    elif change == "added":
        (root / "folder" / "other").write_bytes(b"")
    else:
        assert read_bytes(f"folder/{read}") == files[read]
        # ... and every file of it has its note now, so that it is checked without the others
        assert {name: digests.noted(f"folder/{name}") for name in files} == {
            name: digests.digest(f"folder/{name}") for name in files
        }
        place.write_bytes(files[changed] + b"changed later")
        with pytest.raises(ViperError, match="damaged or changed"):
            read_bytes(f"folder/{changed}")
        return
    with pytest.raises(ViperError, match=rf"damaged or changed: expected MD5 {recorded} of the folder folder") as error:
        read_bytes(f"folder/{read}")
    assert "make pull" in str(error.value)
    assert digests.noted(f"folder/{read}") is None


def test_the_listing_may_lie_in_a_cache_that_many_share(here, tmp_path_factory):
    shared = tmp_path_factory.mktemp("shared")
    for name in ("a.bin", "b.bin"):
        (here / "folder").mkdir(exist_ok=True)
        (here / "folder" / name).write_bytes(name.encode())
    name = digest_of(here / "folder")
    listing = [{"md5": md5, "relpath": each} for each, md5 in digests_of(here / "folder").items()]
    (shared / "files/md5" / name[:2]).mkdir(parents=True)
    (shared / "files/md5" / name[:2] / name[2:]).write_text(json.dumps(sorted(listing, key=lambda row: row["relpath"])))
    (here / ".dvc").mkdir()
    (here / ".dvc" / "config").write_text(f"[core]\n    no_scm = true\n[cache]\n    dir = {shared}\n")
    lock(here / "folder", name)
    write("folder/b.bin", b"made again")  # so that the folder as a whole is another one
    assert read_bytes("folder/a.bin") == b"a.bin"
    (here / "folder" / "a.bin").write_bytes(b"changed")
    with pytest.raises(ViperError, match="damaged or changed"):
        read_bytes("folder/a.bin")


def test_ones_own_file_in_a_recorded_folder_is_right_by_its_note(here):
    lock(here / "folder", "0" * 32 + ".dir")
    assert read_bytes(write("folder/a.bin")) == b"as it was made"


def test_recorded_bytes_of_an_unlisted_folder_that_dvc_put_over_ones_own_are_right(here):
    write("folder/a.bin", b"my own")
    (here / "folder/a.bin").write_bytes(b"recorded")
    lock(here / "folder", digest_of(here / "folder"))
    assert read_bytes("folder/a.bin") == b"recorded"


@pytest.mark.parametrize("content", ["", "{}", "[]", "stages: {}"])
def test_an_empty_lock_lets_no_file_pass_unchecked(here, content):
    (here / "out.bin").write_bytes(b"whatever")
    (here / "dvc.lock").write_text(content)
    with pytest.raises(ViperError, match=r"dvc\.lock: .*git checkout"):
        read_bytes("out.bin")


def test_a_broken_note_says_nothing():
    write("a.bin")
    for content in ("", "{", "[]", "null", '{"md5": 7}'):
        (digests.NOTES / "a.bin.json").write_text(content)
        digests.noted("a.bin")
    (digests.NOTES / "a.bin.json").write_text("[]")
    assert read_bytes("a.bin") == b"as it was made"


@pytest.mark.parametrize("position", ["first", "middle", "last"])
def test_a_flipped_byte_of_a_model_is_found_whatever_the_run(position, tmp_path, monkeypatch):
    weights = tmp_path / "vlm" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(bytes(range(256)) * 9)
    manifest = write_manifest(weights.parent)
    monkeypatch.setenv(digests.RUN, "one")
    assert model_folder(manifest) == model_folder(manifest) == weights.parent
    content = bytearray(weights.read_bytes())
    content[{"first": 0, "middle": len(content) // 2, "last": -1}[position]] ^= 4
    weights.write_bytes(content)
    with pytest.raises(ViperError, match=r"model\.safetensors: damaged or changed: expected SHA-256 .*manifest\.json"):
        model_folder(manifest)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"files": []}',
        '{"files": {"a": {"bytes": 1}}}',
        '{"files": {"a": {"bytes": -1, "sha256": "00"}}}',
        '{"files": {"a": {"bytes": true, "sha256": "00"}}}',
        '{"files": {"../a": {"bytes": 1, "sha256": "%s"}}}' % ("0" * 64),
        "\ufeff{",
        "\x00",
    ],
)
def test_a_broken_manifest_is_one_message(content, tmp_path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ViperError, match=r"manifest\.json: "):
        model_folder(tmp_path / "manifest.json")


def test_a_folder_in_place_of_a_manifest(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(ViperError, match="not a file"):
        model_folder(tmp_path / "manifest.json")

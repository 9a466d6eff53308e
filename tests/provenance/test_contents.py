"""Damaged copies in DVC's cache are named, whichever byte of whichever file it is."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.provenance.contents import damaged

FOLDER = "models/toy/base.csr"


def md5(content):
    return hashlib.md5(content).hexdigest()


def fill(root, files):
    """Write a folder below `root`, and its list in a cache; return its hash, the list's place and the cache."""
    for name, content in files.items():
        path = root / FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    listing = json.dumps([{"md5": md5(content), "relpath": name} for name, content in sorted(files.items())]).encode()
    folder = f"{md5(listing)}.dir"
    place = root / "cache/files/md5" / folder[:2] / folder[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(listing)
    return folder, place, root / "cache"


NAMES = st.sampled_from(["a.bin", "manifest.json", "below/b.parquet", "c d.txt"])


@given(files=st.dictionaries(NAMES, st.binary(min_size=1, max_size=40), min_size=1), data=st.data())
def test_one_flipped_bit_in_any_file_is_found(tmp_path_factory, files, data):
    root = tmp_path_factory.mktemp("contents")
    folder, _, cache = fill(root, files)
    assert damaged(root, FOLDER, folder, cache) == []
    name = data.draw(st.sampled_from(sorted(files)))
    position = data.draw(st.integers(0, len(files[name]) - 1))
    content = bytearray(files[name])
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    (root / FOLDER / name).write_bytes(content)
    (line,) = damaged(root, FOLDER, folder, cache)
    assert line.startswith(f"{FOLDER}/{name}: expected MD5 {md5(files[name])}, found {md5(bytes(content))}")


def test_a_missing_file_and_a_damaged_or_missing_list_are_named(tmp_path):
    folder, listing, cache = fill(tmp_path, {"a.bin": b"1", "b.bin": b"2"})
    (tmp_path / FOLDER / "a.bin").unlink()
    assert damaged(tmp_path, FOLDER, folder, cache) == [f"{FOLDER}/a.bin: missing"]
    listing.write_bytes(listing.read_bytes().replace(b"a.bin", b"c.bin"))
    (line,) = damaged(tmp_path, FOLDER, folder, cache)
    assert "the list of its files is damaged" in line
    listing.unlink()
    (line,) = damaged(tmp_path, FOLDER, folder, cache)
    assert "is not in the cache" in line


@pytest.mark.parametrize("content", [b"other", b""])
def test_a_single_file_is_held_to_its_own_hash(tmp_path, content):
    (tmp_path / "main.csv").write_bytes(content)
    (line,) = damaged(tmp_path, "main.csv", md5(b"right"), tmp_path / "cache")
    assert f"expected MD5 {md5(b'right')}, found {md5(content)}; its copy in the cache is" in line

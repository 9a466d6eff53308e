"""What `viper regenerate` starts from is what was recorded, whichever byte of whichever copy was damaged."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viper.provenance.objects import place_of
from viper.provenance.regenerate import UNFETCHABLE, RegenerateError, _put

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
    assert not _put(tmp_path, "results/toy/tables/main.csv", "0" * 32, [])

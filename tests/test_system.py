"""What the system refuses, whatever library says it, is one sentence that names the place."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from viper import system
from viper.errors import ViperError
from viper.files import atomic_write

WRITERS = {
    "text": lambda path: path.write_text("x" * 3_000_000, encoding="utf-8"),
    "table": lambda path: pd.DataFrame({"noise": [os.urandom(1_500_000).hex()]}).to_csv(path),
    "parquet": lambda path: pq.write_table(pa.table({"noise": [os.urandom(3_000_000)]}), path),
    "weights": lambda path: save_file({"weight": torch.ones(1_000_000)}, path),
    "optimizer": lambda path: torch.save({"state": torch.ones(1_000_000)}, path),
    "picture": lambda path: Image.effect_noise((2000, 2000), 90).save(path, format="PNG"),
}


@given(number=st.sampled_from(sorted(errno.errorcode)), name=st.none() | st.text(min_size=1, max_size=20))
def test_every_number_of_the_system_is_one_sentence_with_a_place(number, name):
    said = system.explain(OSError(number, os.strerror(number), name), "some/place")
    assert (name or "some/place") in said
    assert f"(errno {number})" in said
    assert ": " in said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EFBIG, errno.EIO, errno.ESTALE, errno.EMFILE])
@pytest.mark.parametrize(
    "error",
    [
        lambda number, text: OSError(number, text),
        lambda number, text: OSError(f"Error writing bytes to file. Detail: [errno {number}] {text}"),
        lambda number, text: RuntimeError(f"I/O error: {text} (os error {number})"),
        lambda number, text: type("SafetensorError", (Exception,), {})(f"I/O error: {text} (os error {number})"),
        lambda number, text: RuntimeError(f"open file failed because of {text}"),
        lambda number, text: ImportError(f"libtorch.so: cannot open shared object file: {text}"),
    ],
)
def test_libraries_with_errors_of_their_own_are_understood(number, error):
    assert system.number_of(error(number, os.strerror(number))) == number


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), KeyError("os error 28"), ValueError("errno 28")]
)
def test_a_mistake_in_the_code_is_not_the_system(error):
    assert system.explain(error) is None


def test_errors_without_a_number_keep_their_words():
    assert "no file named model.safetensors" in system.explain(OSError("no file named model.safetensors in x\nhelp"))


@pytest.fixture
def small_files(monkeypatch):
    """A limit of one megabyte on the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("what", WRITERS)
def test_a_limit_of_file_sizes_is_one_sentence_and_leaves_what_was_there(tmp_path, small_files, what):
    path = tmp_path / "out.bin"
    path.write_text("whole", encoding="utf-8")
    with pytest.raises(ViperError) as refused, atomic_write(path) as partial:
        WRITERS[what](partial)
    assert str(refused.value).startswith(f"{path}: the file would be larger than is allowed: raise `ulimit -f`")
    assert path.read_text(encoding="utf-8") == "whole"
    assert [each.name for each in tmp_path.iterdir()] == ["out.bin"]


@pytest.fixture
def read_only(tmp_path):
    """A disk that cannot be written; only the superuser can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a disk here: run as root, outside a restricted container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["out.txt", "folder/out.txt"])
def test_a_read_only_disk_is_one_sentence(read_only, name):
    with pytest.raises(ViperError, match="this disk is read-only") as refused, atomic_write(read_only / name):
        pytest.fail("a read-only disk was written")
    assert str(refused.value).startswith((f"{read_only / name}:", f"{(read_only / name).parent}:"))


def too_long(root: Path) -> Path:
    return root / ("x" * 250) / ("y" * 250)


def below_a_file(root: Path) -> Path:
    (root / "file").write_text("", encoding="utf-8")
    return root / "file" / "out.txt"


@pytest.mark.parametrize(
    ("place", "message"),
    [(too_long, "the name is too long"), (below_a_file, "file: something of that name is there already")],
)
def test_impossible_places_are_one_sentence(tmp_path, place, message):
    with pytest.raises(ViperError, match=message), atomic_write(place(tmp_path)):
        pytest.fail("an impossible place was written")


@pytest.mark.parametrize("megabytes", [100, 300, 900])
def test_too_little_address_space_is_one_sentence(megabytes):
    limited = f"ulimit -v {megabytes * 1000}; exec {sys.executable} -m viper cost --scale smoke"
    result = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: only {megabytes * 1024 // 1000} MB of address space are allowed here")
    assert result.stderr.count("\n") == 1


def test_an_import_that_fails_under_a_limit_names_the_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(system, "_address_space", lambda: 2 * 10**9)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "starved.py").write_text("raise SystemError('error return without exception set')", encoding="utf-8")
    with pytest.raises(SystemError) as failed:
        import starved  # noqa: F401
    assert "only 2000 MB of address space" in system.explain_import(failed.value)
    assert system.explain_import(RuntimeError("shapes do not match")) is None

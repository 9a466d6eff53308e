import os
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from viper.errors import ViperError
from viper.files import atomic_write, explain_failed_write


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB; only the superuser can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.getuid() or shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk here: run as root, outside a restricted container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


WRITERS = {
    "table": lambda path: pd.DataFrame({"noise": os.urandom(8_000_000).hex()}, index=range(1)).to_parquet(path),
    "weights": lambda path: save_file({"weight": torch.ones(4_000_000)}, path),
    "optimizer": lambda path: torch.save({"state": torch.ones(4_000_000)}, path),
    "text": lambda path: path.write_text("x" * 16_000_000),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(small_disk, what):
    path = small_disk / "out.parquet"
    path.write_text("whole")
    with pytest.raises(ViperError, match="no space left on this disk"), atomic_write(path) as partial:
        WRITERS[what](partial)
    assert path.read_text() == "whole"
    assert [each.name for each in small_disk.iterdir()] == ["out.parquet"]


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ZeroDivisionError), explain_failed_write(tmp_path):
        _ = 1 / 0


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as partial:
        partial.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.txt"]


WRITE = """
import sys, time, viper.files
with viper.files.atomic_write(sys.argv[1]) as partial:
    partial.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
    partial.write_text("whole")
"""


@pytest.fixture
def start_writer(tmp_path):
    """Return a function that starts a process, which writes half of tmp_path/NAME, and the rest once it is told to."""
    writers = []

    def start(name):
        command = [sys.executable, "-c", WRITE, str(tmp_path / name)]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        writers.append(writer)
        assert writer.stdout.readline() == "writing\n"
        return writer

    yield start
    for writer in writers:
        writer.kill()
        writer.communicate()


@pytest.mark.parametrize("name", ["shard0.parquet", "a[1].csv", "base.csr", "bücher (1).md"])
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, start_writer, name):
    for _ in range(2):
        killed = start_writer(name)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert len(list(tmp_path.iterdir())) == 1  # the second removed what the first left
    with atomic_write(tmp_path / name) as partial:
        partial.write_text("new")
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_living_writer_is_left_alone(tmp_path, start_writer):
    living = start_writer("out.txt")
    with atomic_write(tmp_path / "out.txt") as partial:
        partial.write_text("mine")
    assert (tmp_path / "out.txt").read_text() == "mine"
    living.communicate()
    assert living.returncode == 0
    assert (tmp_path / "out.txt").read_text() == "whole"


def test_folders_that_are_no_temporary_ones_are_left_alone(tmp_path):
    others = [".out.txt.d", ".out.txt.12345678x", ".out.txt.backup", ".other.txt.abcd1234", ".out.txt.NEWSTUFF"]
    for name in others:
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, 0))
    new = tmp_path / ".out.txt.abcd1234"  # of a process that has not yet taken its lock
    new.mkdir()
    with atomic_write(tmp_path / "out.txt") as partial:
        partial.write_text("new")
    assert {each.name for each in tmp_path.iterdir()} == {*others, new.name, "out.txt"}
    os.utime(new, (0, time.time() - 1e6))
    with atomic_write(tmp_path / "out.txt") as partial:
        partial.write_text("new")
    assert not new.exists()


def test_a_folder_replaces_a_folder_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()
    with atomic_write(path) as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert [each.name for each in path.iterdir()] == ["new"]
    with pytest.raises(FileNotFoundError, match="nothing was written"), atomic_write(path):
        pass
    assert [each.name for each in path.iterdir()] == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["file", "folder/deep"])
def test_what_a_library_keeps_to_its_owner_can_be_read_by_the_group(tmp_path, name):
    (tmp_path / "usual").touch()
    target, _, inside = name.partition("/")
    with atomic_write(tmp_path / target) as partial:
        written = partial / inside if inside else partial
        written.parent.mkdir(exist_ok=True)
        written.touch(mode=0o600)
        written.chmod(0o600)  # as safetensors leaves a file
    assert (tmp_path / name).stat().st_mode == (tmp_path / "usual").stat().st_mode

import os
import shutil
import subprocess

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from viper.errors import ViperError
from viper.files import atomic_write, explain_full_disk


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
    with pytest.raises(ZeroDivisionError), explain_full_disk(tmp_path):
        _ = 1 / 0


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as partial:
        partial.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["out.txt"]

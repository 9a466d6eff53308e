"""Temporary checkouts have all that this one has."""

import subprocess

import pytest

from repository import NO_SOURCES, ROOT, SOURCES, Checkout, copy
from viper.workflow.kept import KEPT


def test_every_tracked_file_is_a_source_or_said_to_be_none():
    if not (ROOT / ".git").exists():
        pytest.skip("no clone: git does not say what is tracked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    known = SOURCES + NO_SOURCES
    missing = [name for name in listed.split("\0") if name and not name.startswith(known)]
    assert missing == [], "name them in tests/repository.py"


def test_a_copy_has_the_sources_and_nothing_that_was_made(tmp_path):
    made = copy(tmp_path / "checkout", leave_out=["store", "docs"])
    assert (made.root / "src/viper/__main__.py").read_bytes() == (ROOT / "src/viper/__main__.py").read_bytes()
    left = {"store", "docs", "results", "data", "logs", ".venv", ".git", "models/micro/pretrained"}
    assert [name for name in left if (made.root / name).exists()] == []


def test_what_is_kept_of_the_code_comes_along_and_is_good(tmp_path):
    made = copy(tmp_path / "checkout", leave_out=["store", "docs"])
    kept = list(made.root.rglob("__pycache__/*"))
    if not kept:
        pytest.skip("Python keeps no compiled modules here")
    assert {path.name for path in kept if path.suffix != ".pyc"} <= {KEPT}
    told = made.run("python", "-v", "-c", "import viper.cli").stderr
    module = made.root / "src/viper/cli.py"
    assert f"matches {module}" in told


def test_a_failing_program_fails_the_test_with_what_it_said(tmp_path):
    with pytest.raises(pytest.fail.Exception, match="not a git command"):
        Checkout(tmp_path).run("git", "frobnicate")
    assert Checkout(tmp_path).run("git", "frobnicate", check=False).returncode

"""The package that runs is the one of the checkout that it runs in, for every command, for Snakemake and for pytest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from viper import checkout

ROOT = Path(__file__).parents[1]


@pytest.fixture
def other(tmp_path):
    """A second checkout."""
    for name in ("src", "rules", "profiles", "envs"):
        shutil.copytree(ROOT / name, tmp_path / "other" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "other" / "tests").mkdir()
    for name in ("Snakefile", "params.yaml", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / "other" / name)
    return tmp_path / "other"


def run(folder, *command, package=ROOT):
    environment = os.environ | {"PYTHONPATH": str(package / "src")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("viper", "cost", "--scale", "smoke"),
        ("viper", "provenance", "results/smoke/figures/main.png"),
        ("snakemake", "--dry-run", "--config", "scale=smoke", "--", "all"),
        ("snakemake", "--list-rules"),
        ("pytest", "-q"),
    ],
)
def test_the_package_of_another_checkout_is_refused(other, command):
    result = run(other, *command)
    said = result.stdout + result.stderr
    assert result.returncode not in (0, 5)  # 5: pytest found no tests
    assert f"{other} is one checkout, and the package that runs here is that of another: {ROOT}" in said
    assert "Traceback" not in said


def test_ones_own_package_is_not(other):
    for folder in (other, ROOT):
        checkout_of = run(folder, "viper", "cost", "--scale", "smoke", package=folder)
        assert checkout_of.returncode == 0, checkout_of.stderr


def test_a_link_to_the_checkout_is_the_checkout(tmp_path):
    (tmp_path / "link").symlink_to(ROOT)
    checkout.check(tmp_path / "link")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(checkout.CheckoutError, match=r"is no checkout .* the folder that you cloned"):
        checkout.check(tmp_path)
    with pytest.raises(checkout.CheckoutError, match=f"run from the repository's root, `cd {ROOT}`"):
        checkout.check(ROOT / "docs")
    assert run(tmp_path, "viper", "--help").returncode == 0
    assert run(tmp_path, "viper", "reward", "--help").returncode == 0
    assert run(tmp_path, "viper", "reward", "rows.jsonl").returncode == 2


def test_a_snakemake_without_the_package_says_so_in_one_sentence(other):
    bare = "import sys; sys.path = [p for p in sys.path if not p.endswith('/src')]; import runpy; sys.argv[0] = '-m'; "
    code = bare + "runpy.run_module('snakemake', run_name='__main__', alter_sys=True)"
    result = subprocess.run(
        [sys.executable, "-c", code, "--dry-run"], cwd=other, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "the package `viper` is not in the environment that Snakemake runs in" in result.stderr
    assert "Traceback" not in result.stderr

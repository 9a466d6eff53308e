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
    for name in ("src", "scales", "rules", "profiles", "envs"):
        shutil.copytree(ROOT / name, tmp_path / "other" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "params.yaml", "pyproject.toml", "tests/conftest.py", "models/micro/pretrained.dvc"):
        (tmp_path / "other" / name).parent.mkdir(parents=True, exist_ok=True)
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
    bare = "import runpy, sys; sys.path = [path for path in sys.path if not path.endswith('/src')]; sys.argv[0] = '-m';"
    code = f"{bare} runpy.run_module('snakemake', run_name='__main__', alter_sys=True)"
    result = subprocess.run(
        [sys.executable, "-c", code, "--dry-run"], cwd=other, capture_output=True, text=True, check=False
    )
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "is not this checkout's (No module named 'viper'): run `make setup`" in said
    assert "Traceback" not in said


def test_steps_run_the_python_that_snakemake_runs_in(other):
    """Also where nobody activated the environment: another `python` stands first in PATH."""
    (other / "bin").mkdir()
    (other / "bin" / "python").write_text("#!/bin/sh\necho wrong python; exit 1\n", encoding="utf-8")
    (other / "bin" / "python").chmod(0o755)
    (other / "Snakefile").write_text(
        (other / "Snakefile").read_text(encoding="utf-8") + "\nrule which:\n    shell: 'python -c pass'\n",
        encoding="utf-8",
    )
    environment = os.environ | {
        "PYTHONPATH": str(other / "src"),
        "PATH": f"{other / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "scale=smoke", "--", "which"]
    result = subprocess.run(command, cwd=other, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


PLACES = ["results/x/tables/main.csv", "./results/x/tables/main.csv", "docs/../results/x/tables/main.csv"]


@pytest.mark.parametrize("path", [*PLACES, *(ROOT / place for place in PLACES), f"../{ROOT.name}/{PLACES[0]}"])
def test_a_path_is_named_as_rules_name_it(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert checkout.relative(path) == PLACES[0]


def test_links_to_a_checkout_and_out_of_it_do_not_matter(tmp_path, monkeypatch):
    root, link = tmp_path / "root", tmp_path / "link"
    (root / "results").mkdir(parents=True)
    (tmp_path / "cache").touch()
    (root / "results" / "main.csv").symlink_to(tmp_path / "cache")
    link.symlink_to(root)
    for place, name in ((root, link), (link, root)):
        monkeypatch.chdir(place)
        assert checkout.relative(name / "results" / "main.csv") == "results/main.csv"


@pytest.mark.parametrize("path", ["/etc/passwd", "../elsewhere/main.csv", "results/../../x"])
def test_a_path_elsewhere_is_refused(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(checkout.CheckoutError, match="lies outside of this checkout"):
        checkout.relative(path)

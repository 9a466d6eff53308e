"""The package that runs is the one of the checkout that it runs in, for every command, for Snakemake and for pytest."""

import os
import shutil

import pytest

from repository import ROOT, Checkout, copy
from viper import checkout


@pytest.fixture
def other(tmp_path):
    """A second checkout."""
    made = copy(tmp_path / "other", leave_out=["store"])
    (made.root / "tests").mkdir()
    shutil.copy(ROOT / "tests/conftest.py", made.root / "tests")
    return made


def with_this_package(folder, *command):
    return Checkout(folder).run(*command, check=False, package=ROOT)


@pytest.mark.parametrize(
    "command",
    [
        ("viper", "cost", "--scale", "smoke"),
        ("viper", "provenance", "results/smoke/main/main.png"),
        ("snakemake", "--dry-run", "--config", "scale=smoke", "--", "all"),
        ("snakemake", "--list-rules"),
        ("pytest", "-q"),
    ],
)
def test_the_package_of_another_checkout_is_refused(other, command):
    result = with_this_package(other.root, *command)
    said = result.stdout + result.stderr
    assert result.returncode not in (0, 5)  # 5: pytest found no tests
    assert f"{other.root} is one checkout, and the package that runs here is that of another: {ROOT}" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_ones_own_package_is_not(other):
    for each in (other, Checkout(ROOT)):
        each.run("viper", "cost", "--scale", "smoke")


def test_a_link_to_the_checkout_is_the_checkout(tmp_path):
    (tmp_path / "link").symlink_to(ROOT)
    checkout.check(tmp_path / "link")


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(checkout.CheckoutError, match=r"is no checkout .* the folder that you cloned"):
        checkout.check(tmp_path)
    with pytest.raises(checkout.CheckoutError, match=f"run from the repository's root, `cd {ROOT}`"):
        checkout.check(ROOT / "docs")
    assert with_this_package(tmp_path, "viper", "--help").returncode == 0
    assert with_this_package(tmp_path, "viper", "reward", "--help").returncode == 0
    assert with_this_package(tmp_path, "viper", "reward", "rows.jsonl").returncode == 2


def test_a_snakemake_without_the_package_says_so_in_one_sentence(other):
    bare = "import runpy, sys; sys.path = [path for path in sys.path if not path.endswith('/src')]; sys.argv[0] = '-m';"
    code = f"{bare} runpy.run_module('snakemake', run_name='__main__', alter_sys=True)"
    result = other.run("python", "-c", code, "--dry-run", check=False)
    said = result.stdout + result.stderr
    assert result.returncode == 1
    assert "is not this checkout's (No module named 'viper'): run `make setup`" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_steps_run_the_python_that_snakemake_runs_in(other):
    """Also where nobody activated the environment: another `python` stands first in PATH."""
    programs = other.root / "bin"
    programs.mkdir()
    (programs / "python").write_text("#!/bin/sh\necho wrong python; exit 1\n", encoding="utf-8")
    (programs / "python").chmod(0o755)
    with (other.root / "Snakefile").open("a", encoding="utf-8") as file:
        file.write("\nrule which:\n    shell: 'python -c pass'\n")
    other.run(
        *("snakemake", "--cores", "1", "--config", "scale=smoke", "--", "which"),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )


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

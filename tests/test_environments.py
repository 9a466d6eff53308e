"""The two lock files: what is asked for is pinned, and they differ only in what docs/paper-scale.md names."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from viper.models.engine import NEWEST, OLDEST

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIFFER = {"numpy", "pandas", "snakemake-executor-plugin-slurm"}


def pinned(name):
    lines = (ROOT / "envs" / f"{name}.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): version for package, version in pairs}


@pytest.mark.parametrize(("name", "extra"), [("cpu", "dev"), ("cuda", "cuda")])
def test_what_the_project_asks_for_is_pinned(name, extra):
    pins = pinned(name)
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]:
        asked = Requirement(text)
        assert pins[canonicalize_name(asked.name)] in asked.specifier, text


def test_the_two_differ_in_what_the_documentation_says():
    cpu, cuda = pinned("cpu"), pinned("cuda")
    assert {name for name in cpu.keys() & cuda.keys() if cpu[name] != cuda[name]} == DIFFER
    text = (ROOT / "docs" / "paper-scale.md").read_text()
    for name in DIFFER:
        assert re.search(rf"{cpu[name]}.*{cuda[name]}", text), name


def test_the_vllm_of_the_lock_is_one_that_is_let_through():
    assert OLDEST <= Version(pinned("cuda")["vllm"]) <= NEWEST

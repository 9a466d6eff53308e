"""Pulled files that Snakemake does not know."""

from base64 import urlsafe_b64encode

import pytest
import yaml

from viper.provenance.guard import METADATA, is_harmless, message, unrecorded


@pytest.fixture
def tree(tmp_path):
    """A recorded table and a recorded checkpoint folder, both there."""
    outs = ["results/toy/tables/main.csv", "models/toy/base.csr", "results/toy/tables/gone.csv"]
    lock = {"stages": {"main": {"cmd": "x", "outs": [{"path": path, "md5": "0"} for path in outs]}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    for name in ("results/toy/tables/main.csv", "models/toy/base.csr/manifest.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def write_record(tree, path):
    (tree / METADATA).mkdir(parents=True, exist_ok=True)
    (tree / METADATA / urlsafe_b64encode(path.encode()).decode()).write_text("{}")


def test_pulled_files_are_found(tree):
    assert unrecorded(tree) == ["results/toy/tables/main.csv", "models/toy/base.csr"]
    assert "make pull" in message(unrecorded(tree))


def test_recorded_files_and_folders_pass(tree):
    write_record(tree, "results/toy/tables/main.csv")
    write_record(tree, "models/toy/base.csr/manifest.json")
    assert unrecorded(tree) == []


def test_nothing_recorded_nothing_to_guard(tmp_path):
    assert unrecorded(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "harmless"),
    [
        (["/x/.venv/bin/snakemake", "--dry-run", "--", "all"], False),
        (["/x/snakemake/__main__.py", "--cores", "2"], False),
        (["/x/.venv/bin/snakemake", "--touch", "--forceall"], True),
        (["/x/src/viper/__main__.py", "cost", "--scale", "7b"], True),
    ],
)
def test_what_runs_nothing_may_see_them(arguments, harmless):
    assert is_harmless(arguments) is harmless

"""What a command read and wrote becomes the record beside its tables and figures."""

import json
import os
import subprocess
import sys

import pytest

from viper.provenance.sidecar import SUFFIX, has_sidecar, identity, md5

SCRIPT = """
import sys
from pathlib import Path
from viper.files import atomic_write
from viper.provenance.sidecar import current_id, observe
trace = observe()
text = Path("results/toy/predictions/test/base.csr/seed3/a.tsv").read_text()
Path("elsewhere.txt").read_text()
with atomic_write("results/toy/main/main.csv") as partial:
    partial.write_text(text)
with atomic_write("results/toy/metrics/base.csr/seed3/train.csv") as partial:
    partial.write_text("{}")
print(current_id())
trace.write()
"""


@pytest.fixture
def run(tmp_path):
    """Run the script in a folder of its own, with arguments; return what it printed and the record that it wrote."""
    predictions = tmp_path / "results/toy/predictions/test/base.csr/seed3/a.tsv"
    predictions.parent.mkdir(parents=True)
    predictions.write_text("x")
    (tmp_path / "elsewhere.txt").write_text("x")

    def call(*arguments):
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        record = json.loads((tmp_path / f"results/toy/main/main.csv{SUFFIX}").read_text())
        return result.stdout.strip(), record

    return tmp_path, predictions, call


def test_the_record_names_inputs_parameters_and_seeds(run):
    root, predictions, call = run
    printed, record = call("tables", "--seed", "5")
    assert record["made_from"] == {
        "command": ["tables", "--seed", "5"],
        "inputs": {"results/toy/predictions/test/base.csr/seed3/a.tsv": md5(predictions)},
    }
    assert record["id"] == identity(record["made_from"]) == printed
    assert record["md5"] == md5(root / "results/toy/main/main.csv")
    assert record["run"]["seeds"] == [3, 5]
    assert record["run"]["commit"] is None  # no git repository here
    assert not (root / f"results/toy/metrics/base.csr/seed3/train.csv{SUFFIX}").exists()  # neither table nor figure


def test_making_the_same_again_keeps_the_record(run):
    _, predictions, call = run
    first = call("tables")[1]
    assert call("tables")[1] == first
    predictions.write_text("y")
    changed = call("tables")[1]
    assert changed["id"] != first["id"]


@pytest.mark.parametrize(
    ("path", "carries"),
    [
        ("results/micro/main/main.csv", True),
        ("results/micro/main/main.svg", True),
        (f"results/micro/main/main.svg{SUFFIX}", False),
        ("results/micro/main/main.rst", False),
        ("results/micro/predictions/test/base/seed0/MicroStar.tsv", False),
    ],
)
def test_tables_and_figures_carry_records(path, carries):
    assert has_sidecar(path) is carries

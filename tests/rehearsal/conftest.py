"""The stage that the tests of a rehearsal share: `pytest tests/rehearsal --scale 3b`."""

import importlib.util
import sys
from pathlib import Path

import pytest

from rehearsal.server import Hub
from rehearsal.stage import fill_hub, set_stage

NODE = {"cores": 64, "memory": 1_000_000, "gpus": 8}  # one of slurm/partitions.yaml, as 7b asks for


def pytest_addoption(parser):
    parser.addoption("--scale", default="7b", choices=["3b", "7b"], help="the scale that is rehearsed")
    parser.addoption("--whole", action="store_true", help="rehearse every ablation, not only the main experiment")


@pytest.fixture(scope="session")
def scale(request) -> str:
    """The scale that is rehearsed."""
    return request.config.getoption("--scale", "7b")


@pytest.fixture(scope="session")
def experiments(request) -> str:
    """What the run leaves out, as an argument of --config; nothing for a whole rehearsal."""
    left_out = [] if request.config.getoption("--whole", False) else ["stages", "mixed_rl", "cold_start", "sft"]
    return ", ".join(f"ablation_{name}: null" for name in left_out)


@pytest.fixture(scope="session")
def cluster():
    """A private Slurm of one node as the scale wants it; the house's own fixtures start it."""
    path = Path(__file__).parents[1] / "workflow" / "slurm" / "conftest.py"
    spec = importlib.util.spec_from_file_location("private_slurm", path)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running(**NODE) as running:
        yield running


@pytest.fixture(scope="session")
def stage(scale, cluster, tmp_path_factory):
    """Server and checkout."""
    folder = tmp_path_factory.mktemp("rehearsal")
    md5 = fill_hub(folder / "hub", scale)
    with Hub(folder / "hub") as hub:
        yield set_stage(folder, hub, scale, md5, cluster.environment)

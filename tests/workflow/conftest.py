"""Copies of the repository in which whole workflows run, so that no test touches the work tree's own results."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import portalocker
import pytest

from viper.provenance.sidecar import SUFFIX

ROOT = Path(__file__).parents[2]
SOURCES = ["Snakefile", "params.yaml", "scales", "rules", "envs", "profiles", "slurm", "docs", "src"]
STORED = Path("models/micro/pretrained")

# What depends on parameters and seeds alone, however the jobs were run.
SAME_BYTES = [
    "data/smoke/seed0/seeds/*.parquet",
    "data/smoke/seed0/synthesis/base/*/*.parquet",
    "data/smoke/seed0/dataset/base/*/train.parquet",
    "data/smoke/benchmarks/test/*.tsv",
    "models/smoke/seed0/*/*.safetensors",
    "results/smoke/predictions/base*/test/*.tsv",
    "results/smoke/predictions/seed0/*/test/*.tsv",
    "results/smoke/tables/main.csv",
    "results/smoke/tables/main.md",
    "results/smoke/tables/subdomains.csv",
    "results/smoke/tables/main_claims.csv",
    "results/smoke/figures/main.*",
]
SAME_BYTES_WHERE_ASKED_FOR = [
    "results/smoke/tables/attention*",
    "results/smoke/tables/words.csv",
    "results/smoke/tables/ablation_*",
    "results/smoke/tables/claims.*",
    "results/smoke/figures/ablation_*",
    "results/smoke/figures/attention.*",
    "results/smoke/figures/wordcloud.*",
]


@dataclass(frozen=True)
class Workflow:
    """A copy of the repository."""

    root: Path

    def run(self, *arguments: str, check: bool = True, cores: str | None = "2") -> subprocess.CompletedProcess[str]:
        """Run Snakemake at smoke scale on two cores (None: as the profile says).

        `check` fails the test with the end of every log.
        """
        environment = os.environ | {"PYTHONPATH": str(self.root / "src"), "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "snakemake",
                *(["--cores", cores] if cores else []),
                "--config",
                "scale=smoke",
                *arguments,
            ],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            logs = [f"== {path}\n{path.read_text()[-2000:]}" for path in sorted((self.root / "logs").rglob("*.log"))]
            pytest.fail("\n".join([result.stdout[-2000:], result.stderr[-4000:], *logs]))
        return result


@pytest.fixture(scope="session")
def stored_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stored base models, fetched into the work tree if they are not there yet, by one worker of several."""
    with portalocker.Lock(tmp_path_factory.getbasetemp().parent / "stored-models.lock", timeout=600):
        if not (ROOT / STORED / "vlm" / "manifest.json").exists():
            subprocess.run(
                [sys.executable, "-m", "dvc", "pull", "--quiet", f"{STORED}.dvc"],
                cwd=ROOT,
                check=True,
                stdin=subprocess.DEVNULL,
            )
    return ROOT / STORED


@pytest.fixture(scope="session")
def copy_repository(tmp_path_factory: pytest.TempPathFactory, stored_models: Path) -> Callable[[], Workflow]:
    """Return a function that makes a fresh copy of the sources with the stored base models, and no results."""

    def copy() -> Workflow:
        root = tmp_path_factory.mktemp("repository")
        for name in SOURCES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, root / name)
        # The copy has no DVC: the models lie there already, newer than the file that names them.
        (root / STORED).parent.mkdir(parents=True)
        shutil.copy(ROOT / f"{STORED}.dvc", root / f"{STORED}.dvc")
        shutil.copytree(stored_models, root / STORED, copy_function=shutil.copyfile)
        return Workflow(root)

    return copy


@pytest.fixture(scope="session")
def finished(copy_repository) -> tuple[Workflow, float]:
    """One full run, and the seconds of its main experiment; it takes minutes, so all tests that want one share it.

    Files with such tests stand in SHARING (tests/conftest.py).
    """
    workflow = copy_repository()
    start = time.perf_counter()
    workflow.run("--", "main")
    seconds = time.perf_counter() - start
    workflow.run("--", "all")
    return workflow, seconds


@pytest.fixture(scope="session")
def differing_files() -> Callable[[Workflow, Workflow], list[str]]:
    """Return a function that names the results of one workflow that another does not have byte for byte."""

    def compare(made: Workflow, reference: Workflow) -> list[str]:
        found = {pattern: sorted(made.root.glob(pattern)) for pattern in SAME_BYTES + SAME_BYTES_WHERE_ASKED_FOR}
        assert all(found[pattern] for pattern in SAME_BYTES), "every kind of result is there to be compared"
        # A record says when, and on which machine, its file was made.
        names = [
            path.relative_to(made.root) for paths in found.values() for path in paths if not path.name.endswith(SUFFIX)
        ]
        return [
            str(name)
            for name in names
            if not (reference.root / name).is_file()
            or (made.root / name).read_bytes() != (reference.root / name).read_bytes()
        ]

    return compare

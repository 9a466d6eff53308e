"""A small experiment at smoke scale, run and recorded once in a repository of its own, with an S3 bucket beside it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from viper.config.inheritance import resolve
from viper.config.loading import read
from viper.config.yaml_file import read_yaml
from viper.provenance.tools import planned_rules, plans_nothing

ROOT = Path(__file__).parents[2]
SOURCES = ["Snakefile", "params.yaml", "scales", "rules", "envs", "profiles", "docs", "src", "store", ".gitignore"]
SOURCES += [".dvcignore"]
SMOKE = "scales/smoke.yaml"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

# Two lineages, two benchmarks, one shard: every kind of stage, in as few processes as possible.
SMALL = {
    "experiments": {"main": ["base", "base.csr"]},
    "seeds": {"source": "world", "number": 48, "shards": 1},
    "benchmarks": {"MMStar": "MicroStar", "HallusionBench": "MicroHallusion"},
}


@dataclass
class Repository:
    """A git repository with DVC and Snakemake in it."""

    root: Path
    facts: dict = field(default_factory=dict)

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run git, dvc, snakemake or viper; with `check`, a failure fails the test with what it said."""
        command = [program] if program == "git" else [sys.executable, "-m", program]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | KEYS
        environment |= {"PYTHONPATH": str(self.root / "src"), "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        result = subprocess.run(
            [*command, *arguments], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        if check and result.returncode:
            logs = [f"== {path}\n{path.read_text()[-1500:]}" for path in sorted((self.root / "logs").rglob("*.log"))]
            pytest.fail("\n".join([f"{program} {arguments}", result.stdout[-3000:], result.stderr[-3000:], *logs]))
        return result

    @staticmethod
    def processor_seconds() -> float:
        """What all runs so far have taken: unlike time on a clock, it hardly depends on what else the machine does."""
        times = os.times()
        return times.children_user + times.children_system

    def plan(self, *more: str) -> set[str]:
        """The rules that a dry run of `all` would run; empty where it says that nothing is to be done."""
        output = self.run("snakemake", "--dry-run", "--config", "scale=smoke", *more, "--", "all").stdout
        return set() if plans_nothing(output) else set(planned_rules(output)) - {"all"}

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that must be there."""
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def set(self, key: str, value: object) -> None:
        """Set a dotted key of the small experiment's scale."""
        path = self.root / SMOKE
        values = read_yaml(path)
        *sections, last = key.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[last] = value
        path.write_text(yaml.safe_dump(values))


def shrink(root: Path, **more: object) -> None:
    """Make the small experiment the smoke scale, whole in its file, and that the scale of params.yaml."""
    smoke = resolve(read(root / "params.yaml"))["scales"]["smoke"]
    smoke["experiments"], smoke["seeds"] = SMALL["experiments"], SMALL["seeds"]
    smoke["evaluation"]["benchmarks"] = SMALL["benchmarks"]
    smoke["models"].pop("checker")
    pretraining = smoke.pop("pretraining")
    (root / SMOKE).write_text(yaml.safe_dump(smoke | more))
    (root / "scales/smoke-pretraining.yaml").write_text(yaml.safe_dump(pretraining))
    params = root / "params.yaml"
    params.write_text(re.sub(r"^scale: micro", "scale: smoke", params.read_text(), flags=re.MULTILINE))


def copy_sources(root: Path) -> None:
    """Copy the work tree's sources and its store; no results."""
    root.mkdir(exist_ok=True)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, root / name)
    for path in [".dvc/config", ".dvc/.gitignore", "models/micro/pretrained.dvc"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with the parameters as they are, in a git repository without commits; nothing is run."""
    root = tmp_path_factory.mktemp("bare") / "checkout"
    copy_sources(root)
    shutil.copy(ROOT / "dvc.yaml", root / "dvc.yaml")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """Endpoint of a local S3 server with the bucket `viper`."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=endpoint, **names).create_bucket(Bucket="viper")
    yield endpoint
    server.stop()


def use_bucket(repository: Repository, endpoint: str) -> None:
    """Let the remote `archive` of one clone be the bucket, as docs/reproducing.md says."""
    repository.run("dvc", "remote", "modify", "--local", "archive", "url", "s3://viper/archive")
    repository.run("dvc", "remote", "modify", "--local", "archive", "endpointurl", endpoint)


@pytest.fixture
def sources(tmp_path: Path) -> Repository:
    """The sources with the small experiment and its dvc.yaml; nothing is run."""
    repository = Repository(tmp_path / "sources")
    prepare(repository)
    return repository


def prepare(repository: Repository) -> None:
    """Fill an empty folder with sources, parameters of the small experiment, and its dvc.yaml."""
    copy_sources(repository.root)
    shrink(repository.root)
    repository.run("viper", "dvc-yaml")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Repository:
    """The small experiment: failed half way, finished with `dvc repro`, committed, pushed. Tests leave it as it is."""
    repository = Repository(tmp_path_factory.mktemp("recorded"))
    root = repository.root
    prepare(repository)
    repository.run("git", "init", "--quiet", "--initial-branch", "main")
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("git", "config", "user.name", "test")
    repository.commit("sources")
    use_bucket(repository, bucket)
    repository.run("dvc", "pull", "--quiet", "models/micro/pretrained.dvc")

    # Evaluation breaks, in the stage after training: what was trained stays.
    repository.edit("src/viper/evaluation/run.py", "\nfrom ", "\nraise SystemExit('broken')\nfrom ")
    repository.facts["broken"] = repository.run("dvc", "repro", "main", check=False)
    trained = root / "models/smoke/seed0/base.csr/manifest.json"
    before = trained.stat().st_mtime_ns
    repository.run("git", "checkout", "--quiet", "src")
    repository.facts["resumed"] = repository.run("dvc", "repro")
    repository.facts["trained once"] = trained.stat().st_mtime_ns == before

    start = repository.processor_seconds()
    repository.facts["again"] = repository.run("dvc", "repro")
    repository.facts["seconds"] = repository.processor_seconds() - start
    repository.run("dvc", "push", "--quiet", "--remote", "store")
    repository.run("dvc", "push", "--quiet", "--remote", "archive")
    repository.commit("results")
    return repository


def make_clone(recorded: Repository, root: Path) -> Repository:
    """Clone the recorded repository: DVC's cache stays behind, and the bucket out of reach."""
    subprocess.run(["git", "clone", "--quiet", str(recorded.root), str(root)], check=True)
    repository = Repository(root)
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("git", "config", "user.name", "test")
    return repository


@pytest.fixture
def clone(recorded: Repository, tmp_path: Path) -> Repository:
    """A clone, out of reach of the bucket."""
    return make_clone(recorded, tmp_path / "clone")


@pytest.fixture(scope="session")
def taken_over(recorded: Repository, tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Repository:
    """A clone into which everything was pulled; its copies are for tests to change."""
    repository = make_clone(recorded, tmp_path_factory.mktemp("taken-over") / "clone")
    use_bucket(repository, bucket)
    repository.facts["pulled"] = repository.run("viper", "pull")
    return repository


@pytest.fixture
def pulled(taken_over: Repository, tmp_path: Path) -> Repository:
    """A copy of the clone into which everything was pulled."""
    shutil.copytree(taken_over.root, tmp_path / "pulled")
    return Repository(tmp_path / "pulled", taken_over.facts)


def cheapen(repository: Repository) -> None:
    """Let every rule call toy.py, which makes any file at once; what fetches the stored models stays."""
    shutil.copy(Path(__file__).with_name("toy.py"), repository.root / "toy.py")
    for path in (repository.root / "rules").glob("*.smk"):
        text = path.read_text()
        cheap = re.sub(
            r'(shell:\n(?:\s*#.*\n)*\s*")(?!python -m viper fetch-pretrained)',
            r"\1python toy.py {input} -- {output} -- {params:q} # ",
            text,
        )
        path.write_text(cheap)


@pytest.fixture(scope="session")
def toy_recorded(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Two run seeds of the small experiment, of cheap rules: run, recorded, committed. Tests leave it as it is."""
    repository = Repository(tmp_path_factory.mktemp("toy") / "recorded")
    copy_sources(repository.root)
    shrink(repository.root, run_seeds=[0, 1])
    cheapen(repository)
    repository.run("viper", "dvc-yaml")
    repository.run("git", "init", "--quiet", "--initial-branch", "main")
    repository.run("git", "config", "user.email", "test@example.org")
    repository.run("git", "config", "user.name", "test")
    repository.commit("sources")
    repository.run("snakemake", "--cores", "2", "--", "all")
    repository.run("viper", "record")
    repository.run("dvc", "push", "--quiet", "--remote", "store")
    repository.commit("results")
    return repository


@pytest.fixture
def toy(toy_recorded: Repository, tmp_path: Path) -> Repository:
    """A copy of the recorded toy, with its results and caches."""
    shutil.copytree(toy_recorded.root, tmp_path / "toy")
    return Repository(tmp_path / "toy")


@pytest.fixture
def toy_clone(toy_recorded: Repository, tmp_path: Path) -> Repository:
    """A clone of the recorded toy: its archive is out of reach."""
    return make_clone(toy_recorded, tmp_path / "toy-clone")

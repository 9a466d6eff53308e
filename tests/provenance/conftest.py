"""A small experiment at smoke scale, run and recorded once in a repository of its own, with an S3 bucket beside it.

And the same of rules that cost nothing, for what depends on no numbers.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from repository import SMOKE, Checkout, copy, duplicate
from repository import clone as clone_of
from viper.config.inheritance import resolve
from viper.config.loading import read

# Two lineages, two benchmarks, one shard: every kind of stage, in as few processes as possible.
SMALL = {
    "experiments": {"main": ["base", "base.csr"]},
    "images": {"source": "world", "number": 48, "shards": 1},
    "benchmarks": {"MMStar": "MicroStar", "HallusionBench": "MicroHallusion"},
}


def shrink(root: Path, seeds: Sequence[int]) -> None:
    """Make the small experiment the smoke scale, whole in its file, and that the scale of params.yaml."""
    smoke = resolve(read(root / "params.yaml"))["scales"]["smoke"]
    smoke["seeds"] = list(seeds)
    smoke["experiments"], smoke["images"] = SMALL["experiments"], SMALL["images"]
    smoke["evaluation"]["benchmarks"] = SMALL["benchmarks"]
    smoke["models"].pop("checker")
    smoke.pop("open_questions")
    pretraining = smoke.pop("pretraining")
    (root / SMOKE).write_text(yaml.safe_dump(smoke))
    (root / "scales/smoke-pretraining.yaml").write_text(yaml.safe_dump(pretraining))
    params = root / "params.yaml"
    params.write_text(re.sub(r"^scale: micro", "scale: smoke", params.read_text(), flags=re.MULTILINE))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The sources with the parameters as they are, in a git repository without commits; nothing is run."""
    made = copy(tmp_path_factory.mktemp("bare") / "checkout")
    made.init()
    return made


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


def use_bucket(repository: Checkout, endpoint: str) -> None:
    """Let the remote `archive` of one clone be the bucket, as docs/reproducing.md says."""
    repository.run("dvc", "remote", "modify", "--local", "archive", "url", "s3://viper/archive")
    repository.run("dvc", "remote", "modify", "--local", "archive", "endpointurl", endpoint)


@pytest.fixture
def sources(tmp_path: Path) -> Checkout:
    """The sources with the small experiment and its dvc.yaml; nothing is run."""
    return small(tmp_path / "sources")


def small(root: Path, seeds: Sequence[int] = (0,)) -> Checkout:
    """A checkout of the sources with the parameters of the small experiment, and its dvc.yaml."""
    made = copy(root, leave_out=["dvc.yaml"])
    shrink(made.root, seeds)
    made.run("viper", "dvc-yaml")
    return made


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Checkout:
    """The small experiment: run by Snakemake, recorded, committed, pushed. Tests leave it as it is."""
    repository = small(tmp_path_factory.mktemp("recorded") / "checkout")
    repository.init()
    repository.commit("sources")
    use_bucket(repository, bucket)
    repository.run("snakemake", "--cores", "2", "--", "all")
    repository.run("viper", "record")
    repository.run("dvc", "push", "--quiet", "--remote", "store")
    repository.run("dvc", "push", "--quiet", "--remote", "archive")
    repository.commit("results")
    return repository


@pytest.fixture
def clone(recorded: Checkout, tmp_path: Path) -> Checkout:
    """A clone, out of reach of the bucket."""
    return clone_of(recorded, tmp_path / "clone")


@pytest.fixture(scope="session")
def taken_over(recorded: Checkout, tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Checkout:
    """A clone into which everything was pulled; its copies are for tests to change."""
    repository = clone_of(recorded, tmp_path_factory.mktemp("taken-over") / "clone")
    use_bucket(repository, bucket)
    repository.facts["pulled"] = repository.run("viper", "pull")
    return repository


@pytest.fixture
def pulled(taken_over: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the clone into which everything was pulled."""
    return duplicate(taken_over, tmp_path / "pulled")


def cheapen(repository: Checkout) -> None:
    """Let every rule call toy.py, which makes any file at once; what fetches the stored models stays."""
    shutil.copy(Path(__file__).with_name("toy.py"), repository.root / "toy.py")
    for path in (repository.root / "rules").rglob("*.smk"):
        text = path.read_text()
        cheap = re.sub(
            r'(shell:\n(?:\s*#.*\n)*\s*")(?!python -m viper fetch-pretrained)',
            r"\1python toy.py {input} -- {output} -- {params:q} # ",
            text,
        )
        path.write_text(cheap)


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The small experiment of cheap rules, by DVC: failed half way, and finished. Tests leave it as it is."""
    repository = small(tmp_path_factory.mktemp("reproduced") / "checkout")
    cheapen(repository)
    repository.run("viper", "dvc-yaml")
    repository.init()
    repository.commit("sources")
    repository.run("dvc", "pull", "--quiet", "models/micro/pretrained.dvc")

    # Evaluation breaks, in a stage after training: what was trained stays.
    repository.run("dvc", "repro", "train_main")
    trained = repository.root / "models/smoke/base.csr/seed0/manifest.json"
    before = trained.stat().st_mtime_ns
    broken = repository.root / "broken"
    broken.write_text("results/smoke/predictions/")
    repository.facts["broken"] = repository.run("dvc", "repro", "main", check=False)
    broken.unlink()
    repository.facts["resumed"] = repository.run("dvc", "repro")
    repository.facts["trained once"] = trained.stat().st_mtime_ns == before
    repository.facts["again"] = repository.run("dvc", "repro")
    return repository


@pytest.fixture(scope="session")
def toy_recorded(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Two seeds of the small experiment, of cheap rules: run, recorded, committed. Tests leave it as it is."""
    repository = small(tmp_path_factory.mktemp("toy") / "recorded", seeds=(0, 1))
    cheapen(repository)
    repository.run("viper", "dvc-yaml")
    repository.init()
    repository.commit("sources")
    repository.run("snakemake", "--cores", "2", "--", "all")
    repository.run("viper", "record")
    repository.run("dvc", "push", "--quiet", "--remote", "store")
    (repository.root / "results/README.md").write_text("git tracks a part of results/\n")
    repository.commit("results")
    return repository


@pytest.fixture
def toy(toy_recorded: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the recorded toy, with its results and caches."""
    return duplicate(toy_recorded, tmp_path / "toy")


@pytest.fixture
def toy_clone(toy_recorded: Checkout, tmp_path: Path) -> Checkout:
    """A clone of the recorded toy: its archive is out of reach."""
    return clone_of(toy_recorded, tmp_path / "toy-clone")

"""Copies of the repository in which whole workflows run, so that no test touches the work tree's own results."""

from collections.abc import Callable

import portalocker
import pytest

from repository import BASES, ROOT, Checkout, copy
from viper.provenance.sidecar import SUFFIX

# The copies have no DVC: the stored models lie there already.
WITHOUT_DVC = ("store", "dvc.yaml", ".dvc/config", ".dvc/.gitignore")

# What depends on parameters and seeds alone, however the jobs were run.
SAME_BYTES = [
    "data/smoke/images/seed0/*.parquet",
    "data/smoke/synthesis/base/*/seed0/*.parquet",
    "data/smoke/dataset/base/seed0/*/train.parquet",
    "data/smoke/benchmarks/test/*.tsv",
    "models/smoke/*/seed0/*.safetensors",
    "results/smoke/predictions/test/base*/*.tsv",
    "results/smoke/predictions/test/*/seed0/*.tsv",
    "results/smoke/main/main.csv",
    "results/smoke/main/main.md",
    "results/smoke/main/subdomains.csv",
    "results/smoke/main/main_claims.csv",
    "results/smoke/main/main.*",
]
SAME_BYTES_WHERE_ASKED_FOR = [
    "results/smoke/figure_attention/attention*",
    "results/smoke/figure_wordcloud/words.csv",
    "results/smoke/main/ablation_*",
    "results/smoke/claims/claims.*",
    "results/smoke/main/ablation_*",
    "results/smoke/figure_attention/attention.*",
    "results/smoke/figure_wordcloud/wordcloud.*",
]


@pytest.fixture(scope="session")
def stored_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The stored base models, those of this commit, put into the work tree by one worker of several."""
    with portalocker.Lock(tmp_path_factory.getbasetemp().parent / "stored-models.lock", timeout=600):
        for base in BASES:
            Checkout(ROOT).run("viper", "fetch-pretrained", f"{base}.dvc")


@pytest.fixture(scope="session")
def copy_repository(tmp_path_factory: pytest.TempPathFactory, stored_models: None) -> Callable[[], Checkout]:
    """Return a function that makes a fresh copy of the sources with the stored base models, and no results."""
    return lambda: copy(tmp_path_factory.mktemp("repository"), WITHOUT_DVC, bases=True)


@pytest.fixture(scope="session")
def finished(copy_repository) -> Checkout:
    """One full run; it takes minutes, so all tests that want one share it, and leave it as it is.

    Files with such tests stand in SHARING (tests/conftest.py). The run that tests/provenance records is another: there
    DVC runs a part of it, fails half way, and is made again from its record in every test, which takes as long as that
    part is large.
    """
    made = copy_repository()
    made.snakemake("--", "all")
    return made


@pytest.fixture(scope="session")
def differing_files() -> Callable[[Checkout, Checkout], list[str]]:
    """Return a function that names the results of one workflow that another does not have byte for byte.

    With `areas`, the folders that are compared, only what lies there must be there.
    """

    def compare(made: Checkout, reference: Checkout, *areas: str) -> list[str]:
        found = {pattern: sorted(made.root.glob(pattern)) for pattern in SAME_BYTES + SAME_BYTES_WHERE_ASKED_FOR}
        needed = [pattern for pattern in SAME_BYTES if not areas or pattern.startswith(areas)]
        assert all(found[pattern] for pattern in needed), "every kind of result is there to be compared"
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

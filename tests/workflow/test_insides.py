"""What this package uses of Snakemake beyond its documentation is there, and is said to be missing where it is not."""

import ast
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from viper.config import load
from viper.errors import ViperError
from viper.workflow import insides

ROOT = Path(__file__).parents[2]


def test_the_installed_snakemake_has_every_name():
    assert insides.missing() == []
    assert version("snakemake").startswith(f"{insides.HOLDS_FOR}."), "look through insides.py, then set HOLDS_FOR"


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("snakemake.workflow.Workflow", "_prepare_everything"),
        ("snakemake.rules.Rule", "shellcmd_of_another_version"),
        ("snakemake.gone.Workflow", "_build_dag"),
    ],
)
def test_a_name_that_it_lacks_ends_in_one_sentence(monkeypatch, place, name):
    monkeypatch.setattr(insides, "PRIVATE", insides.PRIVATE | {place: (name,)})
    with pytest.raises(ViperError) as error:
        insides.check()
    assert str(error.value) == (
        f"Snakemake {version('snakemake')} lacks {place}.{name}, which src/viper/workflow/insides.py uses as Snakemake "
        f"{insides.HOLDS_FOR} has it: install what envs/cpu.txt names (`make setup`)"
    )


def attributes(path):
    """The names that stand behind a dot in a module."""
    return {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


def test_no_other_module_and_no_rule_file_reaches_for_them():
    names = {name for group in insides.PRIVATE.values() for name in group if name.startswith("_")}
    names |= {"needrun_jobs", "set_params", "set_log", "ruleinfo", "dag_settings"}
    room = ROOT / "src/viper/workflow"
    assert names <= attributes(room / "insides.py") | attributes(room / "declaration.py"), "nothing is listed in vain"
    for path in (ROOT / "src/viper").rglob("*.py"):
        assert path.parent == room or not names & attributes(path), path
    for path in (ROOT / "rules").rglob("*.smk"):
        assert not [name for name in names if f".{name}" in path.read_text()], path


BENCHMARKS = [f"data/smoke/benchmarks/dev/{name}.tsv" for name in ("MicroStar", "MicroWorldQA", "MicroHallusion")]


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "is_lifted"), [((), True), (("--max-jobs-per-timespan", "99/1s"), False)])
def test_jobs_are_looked_for_when_one_has_ended_and_not_all_the_time(copy_repository, limit, is_lifted):
    """One core: each waits for the one before, and looks while it runs would be more with every job that has ended."""
    said = copy_repository().snakemake("--verbose", *limit, "--", *BENCHMARKS, cores="1")
    looks = (said.stdout + said.stderr).count("Ready jobs: ")
    assert looks == len(BENCHMARKS) if is_lifted else looks > len(BENCHMARKS)


@pytest.mark.slow
def test_a_job_of_a_cluster_gets_the_threads_that_it_asks_for(copy_repository):
    """Submitted from two cores; a run on these two is held to them."""
    asked = ("--cores", "2", "--dry-run", "--config", "scale=7b", "--", "train_main")
    assert _most_threads(copy_repository, "--profile", "slurm", *asked) == load("7b").training.machine.job.threads > 2
    assert _most_threads(copy_repository, *asked) == 2


def _most_threads(copy_repository, *arguments):
    planned = copy_repository().run("snakemake", *arguments).stdout
    return max(map(int, re.findall(r"^    threads: (\d+)$", planned, re.MULTILINE)), default=1)

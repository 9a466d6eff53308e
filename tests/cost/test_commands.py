"""The plan of the real workflow, in a folder that has its rules and parameters and nothing else."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEEDED = ("Snakefile", "params.yaml", "scales", "rules", "docs", "envs", "models/micro/pretrained.dvc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("plan")
    for name in NEEDED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(ROOT / name)
    return root


def run(folder, *command, check=True):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=check
    )


def jobs_of(folder, *arguments):
    """Step → number of jobs, as `viper cost` prints them."""
    lines = run(folder, "-m", "viper", "cost", *arguments).stdout.splitlines()[1:]
    fields = [line.split() for line in lines]
    return {line[0]: int(line[1]) for line in fields if line[-1] in ("measured", "estimate", "limit")}


def test_every_job_of_the_workflow_is_counted(folder):
    plan = run(folder, "-m", "snakemake", "--dry-run", "--forceall", "--config", "scale=smoke", "--", "all").stdout
    planned = dict(re.findall(r"^(\w+) +(\d+)$", plan.partition("Job stats:")[2].partition("total")[0], re.MULTILINE))
    expected = {rule: int(number) for rule, number in planned.items() if rule != "all"}  # which only collects
    counted = jobs_of(folder, "--scale", "smoke")
    assert counted.pop("all") == sum(expected.values())
    assert counted == expected


def test_other_parameters_make_another_plan(folder):
    config = json.dumps({"scales": {"smoke": {"seeds": {"shards": 4}}}})
    assert jobs_of(folder, "--scale", "smoke", "--config", config)["caption_images"] == 4


def test_the_whole_paper_is_counted_before_there_is_anything(folder):
    result = run(folder, "-m", "viper", "cost", "--scale", "7b")
    assert "'data/photographs/**/*.jpg' names no file" in result.stderr
    assert "data/cold_start.jsonl is not there" in result.stderr
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert rows["edit_images"][1] == "64"
    assert rows["train"][1] == "8"
    assert float(rows["train"][2]) > 0, "training holds GPUs"
    assert float(rows["all"][2]) > 100
    assert rows["all"][-1] == "estimate", "nothing is left at its time limit for want of a rate"
    assert not (folder / "data").exists()


def test_jobs_say_what_they_need_and_hold(folder):
    script = (
        "import dataclasses, json; from viper.cost.jobs import planned_jobs;"
        " print(json.dumps([dataclasses.asdict(job) for job in planned_jobs('main', {'scale': 'smoke'})]))"
    )
    jobs = json.loads(run(folder, "-c", script).stdout)
    assert Counter(job["rule"] for job in jobs)["train"] == 2
    first, second = sorted((job for job in jobs if job["rule"] == "train"), key=lambda job: job["wildcards"]["lineage"])
    assert "models/smoke/seed0/base.csr/manifest.json" in first["output"]
    assert "models/smoke/seed0/base.csr/manifest.json" in second["needs"]
    assert (first["threads"], first["gpus"], first["minutes"]) == (2, 0, 60)
    assert first["benchmark"] == "benchmarks/smoke/seed0/base.csr/train.tsv"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "70b"], "scale '70b' is not among the scales"),
        (["--scale", "smoke", "--target", "nothing"], "the run cannot be planned"),
        (["--scale", "smoke", "--config", "{"], "--config is no JSON"),
        (["--scale", "smoke", "--config", "[]"], "--config must be an object"),
    ],
)
def test_mistakes_are_one_message(folder, arguments, message):
    result = run(folder, "-m", "viper", "cost", *arguments, check=False)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback (most recent" not in result.stderr


def test_outside_of_the_repository_there_is_nothing_to_plan(tmp_path):
    result = run(tmp_path, "-m", "viper", "cost", "--scale", "7b", check=False)
    assert (result.returncode, "run from the repository's root" in result.stderr) == (2, True)

"""The plan of the real workflow, in a checkout without data, models and results."""

import json
import re
from collections import Counter

import pytest

from repository import ROOT, Checkout, copy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy(tmp_path_factory.mktemp("plan") / "checkout", leave_out=["store"])


def jobs_of(checkout, *arguments):
    """Step → number of jobs, as `viper cost` prints them."""
    lines = checkout.run("viper", "cost", *arguments).stdout.splitlines()[1:]
    fields = [line.split() for line in lines]
    return {line[0]: int(line[1]) for line in fields if line[-1] in ("measured", "estimate", "limit")}


def test_every_job_of_the_workflow_is_counted(checkout):
    plan = checkout.run("snakemake", "--dry-run", "--forceall", "--config", "scale=smoke", "--", "all").stdout
    planned = dict(re.findall(r"^(\w+) +(\d+)$", plan.partition("Job stats:")[2].partition("total")[0], re.MULTILINE))
    expected = {rule: int(number) for rule, number in planned.items() if rule != "all"}  # which only collects
    counted = jobs_of(checkout, "--scale", "smoke")
    assert counted.pop("all") == sum(expected.values())
    assert counted == expected


def test_other_parameters_make_another_plan(checkout):
    config = json.dumps({"scales": {"smoke": {"images": {"shards": 4}}}})
    assert jobs_of(checkout, "--scale", "smoke", "--config", config)["caption_images"] == 4


def test_the_whole_paper_is_counted_before_there_is_anything(checkout):
    result = checkout.run("viper", "cost", "--scale", "7b")
    assert "'data/photographs/**/*.jpg' names no file" in result.stderr
    assert "data/cold_start.jsonl is not there" in result.stderr
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert rows["edit_images"][1] == "65", "all shards, and the pilot"
    assert rows["train"][1] == "8"
    assert float(rows["train"][2]) > 0, "training holds GPUs"
    assert float(rows["all"][2].replace(",", "")) > 100
    assert rows["all"][-1] == "estimate", "nothing is left at its time limit for want of a rate"
    assert not (checkout.root / "data").exists()
    saved = [line for line in result.stdout.splitlines() if line.startswith("estimate: ")]
    assert [line.split(": ")[1] for line in saved][-2:] == ["the main experiment alone", "all of these"]
    assert all("GPU-hours less" in line for line in saved)


def test_jobs_say_what_they_need_and_hold(checkout):
    script = (
        "import dataclasses, json; from viper.workflow.graph import read;"
        " print(json.dumps([dataclasses.asdict(job) | {'params': {}} for job in read(['main'], 'smoke').jobs]))"
    )
    jobs = json.loads(checkout.run("python", "-c", script).stdout)
    assert Counter(job["rule"] for job in jobs)["train"] == 2
    first, second = sorted((job for job in jobs if job["rule"] == "train"), key=lambda job: job["wildcards"]["lineage"])
    assert "models/smoke/base.csr/seed0/manifest.json" in first["outputs"]
    assert "models/smoke/base.csr/seed0/manifest.json" in second["inputs"]
    assert (first["threads"], first["gpus"], first["minutes"]) == (1, 0, 60)
    assert first["benchmark"] == "benchmarks/smoke/base.csr/seed0/train.tsv"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "70b"], "scale '70b' is not among the scales"),
        (["--scale", "smoke", "--target", "nothing"], "nothing: no rule makes it"),
        (["--scale", "smoke", "--target", ""], "an empty target: name a rule or a file"),
        (["--scale", "smoke", "--config", "{"], "--config is no JSON"),
        (["--scale", "smoke", "--config", "[]"], "--config must be an object"),
    ],
)
def test_mistakes_are_one_message(checkout, arguments, message):
    result = checkout.run("viper", "cost", *arguments, check=False)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback (most recent" not in result.stderr


def test_outside_of_the_repository_there_is_nothing_to_plan(tmp_path):
    result = Checkout(tmp_path).run("viper", "cost", "--scale", "7b", check=False, package=ROOT)
    assert (result.returncode, "run from the repository's root" in result.stderr) == (2, True)

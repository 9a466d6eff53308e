"""`snakemake preflight`: one job for each kind of node that the rules of a scale ask for, and one table."""

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workflow(copy_repository):
    return copy_repository()


def test_each_distinct_set_of_resources_is_a_kind(workflow):
    plan = workflow.run("snakemake", "--dry-run", "--cores", "64", "--config", "scale=3b", "--", "preflight").stdout
    found = re.findall(r"wildcards: kind=(\S+)\n(?:    threads: (\d+)\n)?    resources: (.*)", plan)
    kinds = {kind: (threads or "1", dict(re.findall(r"(\w+)=(\d+)", resources))) for kind, threads, resources in found}
    assert {"8cpu-1gpu-64000mb", "8cpu-1gpu-128000mb", "64cpu-8gpu-500000mb", "1cpu-0gpu-2000mb"} <= set(kinds)
    for kind, (threads, resources) in kinds.items():
        assert f"{threads}cpu-{resources['gpu']}gpu-{resources['mem_mb']}mb" == kind
    # As long as the jobs of its kind: Slurm takes the nodes that it will take for these.
    assert kinds["8cpu-1gpu-64000mb"][1]["runtime"] == "1440"
    assert kinds["8cpu-1gpu-128000mb"][1]["runtime"] == "720"


def test_a_kind_tries_the_models_of_its_jobs_whatever_the_command_line_asks_for(workflow):
    """Other amounts than the sections say make other kinds, of the same models."""
    amounts = ("train:mem_mb=700000", "caption_images:mem_mb=70000")
    asked = ("--set-resources", *amounts, "--set-threads", "train=32", "--config", "scale=3b", "--", "preflight")
    plan = workflow.run("snakemake", "--dry-run", "--printshellcmds", "--cores", "64", *asked).stdout
    found = dict(re.findall(r"preflight-node --kind (\S+)((?: --part \w+)*)\s+--options", plan))
    parts = {kind: set(said.replace("--part", "").split()) for kind, said in found.items()}
    assert parts["32cpu-8gpu-700000mb"] == {"training"}
    assert "64cpu-8gpu-500000mb" not in parts
    assert parts["8cpu-1gpu-70000mb"] == parts["8cpu-1gpu-64000mb"] == {"vlm"}
    assert parts["8cpu-1gpu-128000mb"] == {"painter", "editor"}
    assert parts["1cpu-0gpu-2000mb"] == set()


def test_the_table_is_printed_each_time_and_nothing_stays(workflow):
    for _ in range(2):
        said = workflow.snakemake("--", "preflight").stdout
        assert "Qwen2_5_VLForConditionalGeneration" in said
        assert len(re.findall(r"in two steps; \d+ s +ok", said)) == 2, "painter and editor"
        assert "wrong" not in said
    assert not list(workflow.root.glob("results/smoke/*"))
    assert not list(workflow.root.glob("work/smoke/preflight/*"))


def test_what_is_wrong_ends_the_run_with_how_to_mend_it(workflow):
    setting = 'scales={"smoke": {"models": {"vlm": {"engine": "vllm", "device": "auto", "lens": null}}}}'
    result = workflow.snakemake(setting, "--", "preflight", check=False)
    said = result.stdout + result.stderr
    assert result.returncode
    assert "engine: vllm. engine 'vllm': vLLM is not installed" in said

"""Wrong parameters stop Snakemake itself in one message, before anything is planned or executed."""

import re

import pytest

pytestmark = pytest.mark.slow

BROKEN = {
    "expressions": (
        "__use_yte__: true\nbeside: ?open('executed', 'w')\n",
        r"params\.yaml, line \d+: __use_yte__ is refused",
    ),
    "a key twice": ("scale: smoke\n", r"params\.yaml, line \d+: the key 'scale' stands in line \d+ too"),
    "a tab": ("beside:\n\tscale: smoke\n", r"params\.yaml, line \d+, column 1: not valid YAML"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_stops_the_plan(copy_repository, text, message):
    workflow = copy_repository()
    params = workflow.root / "params.yaml"
    params.write_text(params.read_text() + text)
    refused = workflow.run("--dry-run", "--", "main", check=False)
    output = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert len(re.findall(message, output)) == 1
    assert "Traceback" not in output
    assert not (workflow.root / "executed").exists()


def test_a_file_for_one_run_changes_values_and_may_execute_nothing(copy_repository):
    workflow = copy_repository()
    other = workflow.root / "other.yaml"
    other.write_text("scales: {smoke: {run_seeds: [7], evaluation: {attention: null}}}\n")
    refused = workflow.run("--configfile", "other.yaml", "--dry-run", "--", "main", check=False)
    assert "figure_attention needs evaluation.attention" in refused.stdout + refused.stderr
    other.write_text("scales: {smoke: {run_seeds: [7]}}\n")
    assert "data/smoke/seed7/" in workflow.run("--configfile", "other.yaml", "--dry-run", "--", "main").stdout
    other.write_text("__use_yte__: false\nscales: {smoke: {run_seeds: [7]}}\n")
    refused = workflow.run("--configfile", "other.yaml", "--dry-run", "--", "main", check=False)
    assert "__use_yte__ is refused" in refused.stdout + refused.stderr


def test_a_cold_start_that_is_missing_stops_only_what_needs_it(copy_repository):
    workflow = copy_repository()
    change = "scales={smoke: {training: {cold_start: {source: cold.jsonl}}}}"
    workflow.run(change, "--dry-run", "--", "main")
    for make in (lambda path: None, lambda path: path.touch()):
        make(workflow.root / "cold.jsonl")
        refused = workflow.run(change, "--dry-run", "--", "ablation_cold_start", check=False)
        assert refused.returncode != 0
        assert "training.cold_start.source: cold.jsonl is " in refused.stdout + refused.stderr

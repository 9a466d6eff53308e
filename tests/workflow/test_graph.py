"""The graph without running it: what is planned, what is not, and what a mistake in the parameters says."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workflow(copy_repository):
    return copy_repository()


def planned(workflow, target, *config):
    """What a dry run of `target` says; `config` is more of Snakemake's key=value."""
    return workflow.run(*config, "--dry-run", "--", target).stdout


def test_all_is_planned_without_training_or_fetching_base_models(workflow):
    plan = planned(workflow, "all")
    assert "rule train:" in plan
    assert "rule pretrain" not in plan
    assert "rule fetch_pretrained:" not in plan  # a note on missing metadata may name it


def test_shared_stages_are_trained_once(workflow):
    experiments = {"main": ["base", "base.csr", "base.csr.vop"], "stages": ["base.csr", "base.vop", "base.csr.vop"]}
    scales = json.dumps({"smoke": {"experiments": experiments}})
    plan = planned(workflow, "all", f"scales={scales}")
    assert plan.count("rule train:") == 3


def test_pretraining_is_only_planned_when_asked_for(workflow):
    plan = planned(workflow, "pretrain")
    assert "models/smoke/pretrained/vlm/manifest.json" in plan
    assert "models/micro/pretrained" not in plan


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"training": {"stepz": 3}}, "scales.smoke.training.stepz = '3': unknown key"),
        ({"experiments": {"main": ["base.nope"]}}, "unknown phase 'nope'"),
        ({"analysis": {"split": "nope"}}, "analysis.split 'nope' is not among evaluation.splits: dev, test"),
    ],
)
def test_mistakes_stop_before_anything_runs(workflow, mistake, message):
    result = workflow.run(f"scales={json.dumps({'smoke': mistake})}", "--dry-run", "--", "all", check=False)
    assert result.returncode != 0
    assert message in result.stdout + result.stderr

"""dvc.yaml and the Snakemake graph agree, and a stage's params are what its jobs depend on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from viper.config import load
from viper.errors import ViperError
from viper.provenance.dvc_yaml import check
from viper.provenance.stages import stage_names
from viper.workflow.graph import read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

# One edit in each section, as an override of the scale.
EDITS = {
    "images": {"images": {"number": 50}},
    "synthesis.caption": {"synthesis": {"caption": {"max_new_tokens": 90}}},
    "synthesis.critique": {"synthesis": {"critique": {"max_new_tokens": 90}}},
    "synthesis.operations": {"synthesis": {"operations": {"max_operations": 1}}},
    "synthesis.edit": {"synthesis": {"edit": {"max_change": 0.9}}},
    "models.vlm": {"models": {"vlm": {"batch_size": 31}}},
    "models.painter": {"models": {"painter": {"batch_size": 31}}},
    "models.editor": {"models": {"editor": {"batch_size": 31}}},
    "reward": {"reward": {"max_answer_characters": 1999}},
    "reward.calibration": {"reward": {"calibration": {"sentences": 19}}},
    "training.phases.csr": {"training": {"phases": {"csr": {"learning_rate": 0.001}}}},
    "evaluation.asking": {"evaluation": {"asking": {"max_new_tokens": 41}}},
    "evaluation.splits.test": {"evaluation": {"splits": {"test": {"seed": 7}}}},
    "analysis": {"analysis": {"resamples": 210}},
}


def test_the_committed_file_agrees_with_the_graph():
    """Same names, and every stage's deps, params and outs are the boundary of its target."""
    command = [sys.executable, "-m", "viper", "dvc-yaml", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_file_of_another_scale_does_not_agree():
    with pytest.raises(ViperError, match=r"about scale micro, not 7b: run `python -m viper dvc-yaml --scale 7b`"):
        check(ROOT, scale="7b")


def test_a_lineage_without_its_stage_is_named_with_the_remedy(sources):
    sources.set("experiments.main", ["base", "base.csr", "base.vop"])
    result = sources.run("viper", "dvc-yaml", "--check", check=False)
    assert result.returncode == 2
    assert "stage train_main lacks the out models/smoke/base.vop" in result.stderr
    assert "run `python -m viper dvc-yaml`" in result.stderr
    sources.run("viper", "dvc-yaml")


def test_a_new_experiment_and_a_scale_that_repeats_this_one_are_stages_of_their_names(sources):
    sources.set("experiments.ablation_new", ["base", "base.vop"])
    again = {"extends": "smoke", "replicates": "smoke", "seeds": [5, 6]}
    (sources.root / "scales/again.yaml").write_text(yaml.safe_dump(again))
    sources.run("viper", "dvc-yaml")
    stages = yaml.safe_load((sources.root / "dvc.yaml").read_text())["stages"]
    outs = {name: [path for out in entry.get("outs", []) for path in out] for name, entry in stages.items()}
    assert "models/smoke/base.vop" in outs["train_ablation_new"]
    assert "results/smoke/ablation_new" in outs["ablation_new"]
    assert list(stages)[-2:] == ["archive_again", "again"]
    assert stages["again"]["cmd"] == "snakemake --config scale=again -- all"
    assert {"models/again/base.csr", "models/again/base.vop", "data/again/images"} <= set(outs["archive_again"])
    assert {"results/again/main", "results/again/ablation_new"} <= set(outs["again"])
    of_again = {*outs["archive_again"], *outs["again"]}
    assert of_again == {path for paths in outs.values() for path in paths if path.split("/")[1] == "again"}
    params = {file: keys for each in stages["again"]["params"] if isinstance(each, dict) for file, keys in each.items()}
    assert "seeds" in params["scales/again.yaml"]
    assert "images" in params["scales/smoke.yaml"]


def test_params_of_a_stage_cover_all_that_its_jobs_depend_on(sources, monkeypatch):
    monkeypatch.setattr("viper.checkout.check", lambda: None)  # the copy has the very code that reads its graph
    names = stage_names("smoke", load("smoke", sources.root / "params.yaml"))
    before = {job.outputs: job for job in read(names, "smoke", sources.root).jobs}
    stages = yaml.safe_load((sources.root / "dvc.yaml").read_text())["stages"]
    for section, edit in EDITS.items():
        after = read(names, "smoke", sources.root, [f"scales={json.dumps({'smoke': edit})}"]).jobs
        changed = [job for job in after if job.params != before[job.outputs].params]
        assert changed, f"{section}: no job depends on it"
        for job in changed:
            stage = next(name for name, entry in stages.items() if _makes(entry, job.outputs[0]))
            params = [each for each in stages[stage].get("params", []) if isinstance(each, dict)]
            keys = [key for files in params for key in files.get("scales/smoke.yaml", [])]
            covered = any(f"{section}.".startswith(f"{key}.") for key in keys)
            assert covered, f"stage {stage}: rule {job.rule} depends on {section}: name it in the rule's `sections`"


def _makes(entry, path):
    outs = [name for out in entry.get("outs", []) for name in out]
    return any(path == out or path.startswith(f"{out}/") for out in outs)

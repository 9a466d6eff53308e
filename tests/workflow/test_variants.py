"""Data that a base synthesizes otherwise, beside the usual ones."""

import json

import pandas as pd
import pytest

from viper.synthesis.rows import read_rows

pytestmark = pytest.mark.long  # what is planned for a variant: test_smoke.py


def test_a_variant_trains_on_data_of_its_own_and_starts_nothing_else_anew(copy_repository):
    workflow = copy_repository()

    def scales(experiment, variants=""):
        return f"scales={{smoke: {{experiments: {{trial: [{experiment}]}}{variants}}}}}"

    mine = (
        ", variants: {mine: {synthesis: {opinions: {captions: 3, least: 2}, "
        "critique: {picture: image, max_texts: null, answers: 3, least: 2, temperature: 1.0}, vop_held_out: 0}}}"
    )
    workflow.snakemake(scales("base.vop"), "--", "trial")
    plan = workflow.snakemake(scales("base.vop, base~mine.vop", mine), "--dry-run", "--", "trial").stdout
    anew = {line.split()[1] for line in plan.splitlines() if line.strip().startswith("output:")}
    assert {path for path in anew if "base~mine" not in path and "/trial/" not in path} == set()
    workflow.snakemake(scales("base.vop, base~mine.vop", mine), "--", "trial")
    table = pd.read_csv(workflow.root / "results/smoke/trial/trial.csv")
    assert set(table["lineage"]) == {"base.vop", "base~mine.vop"}
    tables = workflow.root / "data/smoke/synthesis"
    assert not (tables / "base~mine/captions").exists(), "captions are asked for as for base: they are made once"
    for lineage, opinions in (("base", 0), ("base~mine", 3)):
        (path, *_) = sorted((tables / lineage / "refinements/seed0").glob("*.parquet"))
        assert {len(row["opinions"]) for row in read_rows(path) if not row["failure"]} == {opinions}


def test_labels_by_the_truth_train_and_are_set_against_the_loops_own(copy_repository):
    workflow = copy_repository()
    asked = {
        "lineages": ["base+look", "base.vop+look", "base~truth.vop+look"],
        "contests": {"operations_of_others": None, "truth": {"worse": "base.vop+look"}},
    }
    scales = json.dumps({"smoke": {"open_questions": {"ablation_labels": asked}}})
    workflow.snakemake(f"scales={scales}", "--", "ablation_labels")
    results = workflow.root / "results/smoke/ablation_labels"
    table = pd.read_csv(results / "ablation_labels.csv").set_index("lineage")
    assert list(table.index) == ["base.vop+look", "base~truth.vop+look"]
    assert table.loc["base~truth.vop+look", "share"] == 1
    assert table.loc["base.vop+look", "labels"] > 0
    assert (results / "ablation_labels_truth.svg").exists()
    assert list(pd.read_csv(results / "ablation_labels_claims.csv")["claim"]) == ["truth"]
    dropped = pd.read_csv(workflow.root / "data/smoke/dataset/base~truth/seed0/dropped.csv")
    assert "edits: untrue statement" in set(dropped["reason"])

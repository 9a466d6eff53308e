"""The whole workflow at smoke scale: from seeds to tables, twice to the same bytes, and from photographs."""

import json

import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

pytestmark = pytest.mark.slow

# Small photographs that come with the package itself: the others would be downloaded.
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")

TABLES = "results/smoke/tables"


def test_the_tables_are_complete(finished):
    workflow, _ = finished
    table = pd.read_csv(workflow.root / TABLES / "main.csv").set_index(["lineage", "column"])
    assert set(table.index.get_level_values("lineage")) == {"base", "base+look", "base.csr", "base.csr.vop"}
    assert len(table) == 4 * 8
    assert table["score"].between(0, 100).all()
    assert (table["low"] <= table["high"]).all()
    assert table.loc[("base.csr.vop", "overall"), "published_3B"] == 60.4
    claims = pd.read_csv(workflow.root / TABLES / "claims.csv").set_index("claim")
    assert claims.loc["two_stage_beats_base", "verdict"] in {"supported", "not supported", "inconclusive"}
    timings = pd.read_csv(workflow.root / TABLES / "timings.csv")
    assert timings["step"].str.endswith("base.csr.vop/train").any()


def test_what_the_run_took_stands_beside_what_was_planned(finished):
    workflow, _ = finished
    costs = pd.read_csv(workflow.root / TABLES / "cost.csv").set_index("step")
    ran = costs.drop(index=["all", "fetch_pretrained"])  # the copy has the stored models already
    assert (ran["jobs_taken"] == ran["jobs_planned"]).all()
    assert (ran["cpu_hours_taken"] > 0).all()
    assert 0.2 < costs.loc["all", "cpu_hours_taken"] / costs.loc["all", "cpu_hours_planned"] < 5
    assert costs.loc["all", "longest_hours_taken"] < costs.loc["all", "cpu_hours_taken"]
    assert costs.loc["train", "disk_gb_taken"] > 0.005


def test_training_changed_the_weights(finished):
    workflow, _ = finished
    models = [workflow.root / f"models/smoke/seed0/{lineage}/manifest.json" for lineage in ("base.csr", "base.csr.vop")]
    base = workflow.root / "models/micro/pretrained/vlm/manifest.json"
    assert len({path.read_text() for path in [*models, base]}) == 3


def test_it_takes_less_than_four_minutes(finished):
    assert finished[1] < 240


def test_a_second_run_has_nothing_to_do(finished):
    workflow, _ = finished
    plan = workflow.run("--dry-run", "--", "main")
    assert "Nothing to be done" in plan.stdout + plan.stderr


def test_the_report_is_one_file_with_tables_and_figure(finished):
    workflow, _ = finished
    workflow.run("--report", "results/smoke/report.html", "--", "main")
    text = (workflow.root / "results/smoke/report.html").read_text()
    assert "main.svg" in text
    assert "claims.csv" in text


def test_the_same_seed_gives_the_same_bytes(finished, copy_repository, differing_files):
    second = copy_repository()
    second.run("--", "main")
    assert not differing_files(finished[0], second)


def test_photographs_become_a_trained_and_evaluated_checkpoint_by_a_parameter_alone(copy_repository):
    workflow = copy_repository()
    folder = workflow.root / "photographs"
    folder.mkdir()
    for name in PHOTOGRAPHS:
        for number, part in enumerate(_tiles(getattr(skimage.data, name)())):
            Image.fromarray(part).save(folder / f"{name}{number}.png")
    seeds = {"source": "folder", "paths": ["photographs/*.png"], "image_size": [64, 64], "number": 120}
    target = "results/smoke/predictions/seed0/base.csr/test/scores.json"
    workflow.run(f"scales={json.dumps({'smoke': {'seeds': seeds}})}", "--", target)
    assert (workflow.root / target).exists()
    assert (workflow.root / "models/smoke/seed0/base.csr/manifest.json").exists()
    data = pd.read_parquet(workflow.root / "data/smoke/seed0/dataset/base/csr/train.parquet")
    assert len(data) > 0


def _tiles(image: np.ndarray) -> list[np.ndarray]:
    """Twenty-four photographs out of one, so that the few that are at hand make enough seeds."""
    return [tile for row in np.array_split(image, 4) for tile in np.array_split(row, 6, axis=1)]

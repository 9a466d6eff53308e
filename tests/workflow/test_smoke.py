"""The whole workflow at smoke scale: from seeds to tables, twice to the same bytes, and from photographs."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

pytestmark = pytest.mark.slow

# Small photographs that come with the package itself: the others would be downloaded.
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket")

TABLES = "results/smoke/tables"
SAME_BYTES = [
    "data/smoke/seed0/seeds/*.parquet",
    "data/smoke/seed0/synthesis/base/*/*.parquet",
    "data/smoke/seed0/dataset/base/*/train.parquet",
    "data/smoke/benchmarks/test/*.tsv",
    "models/smoke/seed0/*/*.safetensors",
    "results/smoke/predictions/seed0/*/test/*.tsv",
    f"{TABLES}/main.csv",
    f"{TABLES}/main.md",
    f"{TABLES}/subdomains.csv",
    f"{TABLES}/claims.csv",
    "results/smoke/figures/main.*",
]


@pytest.fixture(scope="module")
def finished(copy_repository):
    """One full run; it takes minutes, so the tests below share it."""
    workflow = copy_repository()
    start = time.perf_counter()
    workflow.run("--", "all")
    return workflow, time.perf_counter() - start


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


def test_the_same_seed_gives_the_same_bytes(finished, copy_repository):
    first, _ = finished
    second = copy_repository()
    second.run("--", "main")
    names = sorted(path.relative_to(first.root) for pattern in SAME_BYTES for path in first.root.glob(pattern))
    assert all(any(first.root.glob(pattern)) for pattern in SAME_BYTES)
    different = [str(name) for name in names if (first.root / name).read_bytes() != (second.root / name).read_bytes()]
    assert not different


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

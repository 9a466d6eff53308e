"""A pilot stops a synthesis that cannot fill its data sets; photographs join one and nothing finished is made again."""

import numpy as np
import pytest
from PIL import Image

from viper.tools import planned_rules

pytestmark = pytest.mark.slow

TABLES = "data/smoke/synthesis/base"


def photographs(folder, seeds):
    folder.mkdir()
    for seed in seeds:
        values = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(values).save(folder / f"{seed}.png")


@pytest.fixture(scope="module")
def workflow(copy_repository):
    """A loop over 24 photographs whose VLM may not say enough for a caption."""
    workflow = copy_repository()
    photographs(workflow.root / "photographs", range(24))
    images = {"source": "folder", "paths": ["photographs/*.png"], "number": 24, "shards": 2}
    for key, value in images.items():
        workflow.set(f"images.{key}", value)
    workflow.set("models.checker", None)
    workflow.set("synthesis.caption.max_new_tokens", 2)
    workflow.set("synthesis.vop_held_out", 2)
    workflow.set("synthesis.allow_fewer", False)
    workflow.set("synthesis.pilot", {"images": 8, "confidence": 0.8})
    return workflow


def test_nothing_is_captioned_before_the_forecast_and_nothing_finished_again(workflow):
    captions = workflow.root / TABLES / "captions/seed0"
    refused = workflow.snakemake("--", "captions", check=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "the data sets cannot be filled, by the pilot of 8 images" in said
    assert "(dropped: 8 captions: broken format)" in said
    assert "Traceback" not in said
    assert [path.name for path in captions.glob("*.parquet")] == ["shardpilot.parquet"]
    assert not list((workflow.root / TABLES / "forecast/seed0").glob("*.csv"))

    workflow.set("synthesis.allow_fewer", True)
    workflow.snakemake("--", "captions")
    finished = {path: path.stat().st_mtime_ns for path in workflow.root.glob("data/smoke/**/*.parquet")}
    assert {"shard0.parquet", "shard1.parquet", "shardpilot.parquet"} == {path.name for path in captions.iterdir()}

    photographs(workflow.root / "later", range(100, 104))
    workflow.set("images.more", {"later": {"paths": ["later/*.png"], "number": 4, "shards": 1}})
    plan = workflow.snakemake("--dry-run", "--", "captions").stdout
    assert set(planned_rules(plan)) == {"collect_more_images_later", "forecast_yield", "caption_images", "captions"}
    assert plan.count("rule caption_images:") == 1
    workflow.snakemake("--", "captions")
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert (captions / "shard2.parquet").is_file()

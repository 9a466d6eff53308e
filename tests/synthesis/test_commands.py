"""The commands that the rules call."""

import json

import pytest
import typer
from typer.testing import CliRunner

from microworld.base_models.vlm import build_processor, build_vlm, split_words
from viper.config.models import VlmSection
from viper.config.options import read_options
from viper.errors import ViperError
from viper.manifest import write_manifest
from viper.prompts import render
from viper.synthesis.commands import register
from viper.synthesis.rows import read_rows, write_rows
from viper.synthesis.steps import OPERATION_COLUMNS, REFINEMENT_COLUMNS


@pytest.fixture
def viper():
    app = typer.Typer()
    register(app)

    def call(*arguments) -> None:
        CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False)

    return call


def test_seeds_and_captions_with_a_real_model(viper, tmp_path):
    model = tmp_path / "vlm"
    processor = build_processor(split_words(render("micro", "caption")))
    build_vlm(processor, hidden_size=32, layers=1, vision_layers=1, intermediate_size=32).save_pretrained(model)
    processor.save_pretrained(model)
    manifest = write_manifest(model)
    options = {"source": "world", "number": 3, "shards": 2}
    viper("make-seeds", tmp_path, "--options", json.dumps(options), "--seed", 4)
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == ["shard0.jsonl", "shard1.jsonl"]
    section = {"path": "models/base", "device": "cpu"}
    step = {"prompts": "micro", "caption": {"max_new_tokens": 4}}
    out = tmp_path / "captions.parquet"
    viper(
        *("caption-images", "--seeds", tmp_path / "seeds" / "shard0.parquet", "--out", out, "--checkpoint", manifest),
        *("--model", json.dumps(section), "--options", json.dumps(step), "--lineage", "base.csr", "--seed", 4),
    )
    rows = read_rows(out)
    assert [row["id"] for row in rows] == ["world-4-000000", "world-4-000001"]
    assert {(row["failure"], row["lineage"], row["seed"]) for row in rows} == {("broken format", "base.csr", 4)}


def test_plan_operations(viper, tmp_path):
    caption = "A large red circle is at the top left. The background is dark and plain."
    row = {
        "id": "a",
        "refined_caption": caption,
        "entities": "large red circle at the top left.",
        **dict.fromkeys(("completion", "entities_completion", "failure", "lineage", "prompt_name"), ""),
        "seed": 0,
    }
    write_rows(tmp_path / "in.parquet", [row], REFINEMENT_COLUMNS)
    options = {"language": "micro", "types": ["color"]}
    viper(
        *("plan-operations", "--refinements", tmp_path / "in.parquet", "--out", tmp_path / "out.parquet"),
        *("--options", json.dumps(options), "--lineage", "base", "--seed", 0),
    )
    (planned,) = read_rows(tmp_path / "out.parquet")
    assert list(planned) == list(OPERATION_COLUMNS)
    assert planned["statements"][0].startswith("The color of the large circle at the top left was changed from red to ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSON"),
        ('{"path": "x", "batch": 3}', "batch = 3: unknown key"),
        ('{"path": "x", "batch_size": 0}', "batch_size"),
    ],
)
def test_bad_options_are_named(text, message):
    with pytest.raises(ViperError, match=f"--model is no valid VlmSection.*{message}"):
        read_options(VlmSection, text, "--model")

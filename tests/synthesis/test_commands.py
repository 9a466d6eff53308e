"""The commands that the rules call."""

import json

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from microworld.audit import read_truth
from microworld.base_models.vlm import build_processor, build_vlm, split_words
from microworld.grammar import plain
from repository import ROOT, Checkout
from viper.config import load
from viper.config.options import to_json
from viper.manifest import write_manifest
from viper.prompts import render
from viper.synthesis.commands import register
from viper.synthesis.rows import read_rows, write_rows
from viper.synthesis.schemas import OPERATIONS, REFINEMENTS

FEW = {"images.number": 3, "images.shards": 2, "synthesis.vop_held_out": 2, "synthesis.allow_fewer": True}


@pytest.fixture
def viper():
    app = typer.Typer()
    register(app)

    def call(*arguments) -> None:
        CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, standalone_mode=False)

    return call


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """The manifest of a Qwen2.5-VL with random weights."""
    model = tmp_path_factory.mktemp("vlm")
    processor = build_processor(split_words(render("micro", "caption")))
    build_vlm(processor, hidden_size=32, layers=1, vision_layers=1, intermediate_size=32).save_pretrained(model)
    processor.save_pretrained(model)
    return write_manifest(model)


def test_seeds_and_captions_with_a_real_model(viper, manifest, tmp_path):
    scale = load("smoke", overrides={**FEW, "synthesis.caption.max_new_tokens": 4})
    images = [tmp_path / "images" / f"shard{shard}.parquet" for shard in range(2)]
    truth = [tmp_path / "truth" / f"shard{shard}.jsonl" for shard in range(2)]
    told = [word for path in truth for word in ("--truth", path)]
    viper("draw-images", *images, *told, "--options", to_json(scale, ["images"]), "--seed", 4)
    for table, path in zip(images, truth, strict=True):
        assert [row["id"] for row in read_rows(table)] == list(read_truth(path))
    options = to_json(scale, ["models.vlm", "synthesis.prompts", "synthesis.answers", "synthesis.caption"])
    out = tmp_path / "captions.parquet"
    viper(
        *("caption-images", "--images", images[0], "--out", out, "--checkpoint", manifest),
        *("--options", options, "--lineage", "base.csr", "--seed", 4),
    )
    rows = read_rows(out)
    assert [row["id"] for row in rows] == ["world-4-000000", "world-4-000001"]
    assert {(row["failure"], row["lineage"], row["seed"]) for row in rows} == {("broken format", "base.csr", 4)}


# Runs commands in a process in which there is no drawn world.
WITHOUT_THE_WORLD = """
import json, sys

class Nowhere:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "microworld":
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Nowhere())
from viper.commands import build

for words in json.loads(sys.argv[1]):
    build()(words, standalone_mode=False)
"""


@pytest.mark.slow
def test_photographs_never_meet_the_drawn_world(manifest, tmp_path):
    Image.effect_noise((80, 64), 60).convert("RGB").save(tmp_path / "photograph.png")
    changes = {
        "images.source": "folder",
        "images.paths": [str(tmp_path / "*.png")],
        "images.image_size": [64, 64],
        "images.number": 10,
        "images.shards": 1,
        "synthesis.prompts": "paper",
        "synthesis.caption.max_new_tokens": 4,
        "synthesis.critique.picture": "image",
        "synthesis.critique.max_texts": None,
        "synthesis.operations.language": "english",
        "synthesis.operations.types": ["color"],
        "synthesis.vop_held_out": 2,
        "synthesis.allow_fewer": True,
    }
    scale = load("smoke", overrides=changes)
    table, captions = tmp_path / "images" / "shard0.parquet", tmp_path / "captions.parquet"
    entities, operations = tmp_path / "refinements.parquet", tmp_path / "operations.parquet"
    texts = dict.fromkeys(("completion", "entities_completion", "failure", "lineage", "prompt_name"), "")
    found = {"id": "a", "refined_caption": "A mug.", "entities": "mug | blue | small | - | 1 | - | left", "seed": 0}
    found["opinions"] = []
    write_rows(entities, [found | texts], REFINEMENTS.columns)
    made = ("--lineage", "base", "--seed", "0")
    commands = [
        ["collect-images", table, "--skipped", tmp_path / "skipped.csv", "--options", to_json(scale, ["images"])],
        [
            *("caption-images", "--images", table, "--out", captions, *made, "--checkpoint", manifest),
            *(
                "--options",
                to_json(scale, ["models.vlm", "synthesis.prompts", "synthesis.answers", "synthesis.caption"]),
            ),
        ],
        [
            *("plan-operations", "--refinements", entities, "--out", operations, *made),
            *("--options", to_json(scale, ["synthesis.operations", "synthesis.opinions"])),
        ],
    ]
    words = json.dumps([list(map(str, command)) for command in commands])
    result = Checkout(tmp_path).run("python", "-c", WITHOUT_THE_WORLD, words, package=ROOT)
    assert "microworld" not in result.stderr
    assert len(read_rows(captions)) == 1
    assert read_rows(operations)[0]["id"] == "a"


def test_plan_operations(viper, tmp_path):
    caption = "A large red circle is at the top left. The background is dark and plain."
    row = {
        "id": "a",
        "refined_caption": caption,
        "entities": "large red circle at the top left.",
        "opinions": [],
        **dict.fromkeys(("completion", "entities_completion", "failure", "lineage", "prompt_name"), ""),
        "seed": 0,
    }
    write_rows(tmp_path / "in.parquet", [row], REFINEMENTS.columns)
    scale = load("smoke", overrides={"synthesis.operations.types": ["color"], "synthesis.operations.premise": "seen"})
    viper(
        *("plan-operations", "--refinements", tmp_path / "in.parquet", "--out", tmp_path / "out.parquet"),
        *(
            "--options",
            to_json(scale, ["synthesis.operations", "synthesis.opinions"]),
            "--lineage",
            "base",
            "--seed",
            0,
        ),
    )
    (planned,) = read_rows(tmp_path / "out.parquet")
    assert list(planned) == list(OPERATIONS.columns)
    statement = plain(planned["statements"][0])
    assert statement.startswith("The color of the large circle at the top left was changed from red to ")

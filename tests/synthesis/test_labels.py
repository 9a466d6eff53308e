"""Labels by the truth of the drawn pictures: what replaces the critic's, and which pairs are left."""

import csv
from types import SimpleNamespace

import pytest

from captions import caption_scene
from microworld import grammar
from microworld.adapters.labels import true_labels
from microworld.audit import premise_holds
from microworld.findings import edit_done
from microworld.parse import parse_operation
from microworld.scene import make_scene, to_json
from scripted_loop import make_data_sets, small_section
from viper.config import load
from viper.errors import ViperError
from viper.prompts import render
from viper.synthesis.assemble import assemble, fates
from viper.synthesis.refinements import NOTHING_TO_CHANGE
from viper.synthesis.rows import by_id, read_rows, unpack_image

PHOTOGRAPHS = {"images": {"source": "folder", "paths": ["a.png"], "image_size": [64, 64], "number": 1000, "shards": 2}}


@pytest.fixture
def blind_loop(run_loop, fakes, album):
    """A loop whose critic finds nothing, and which therefore adds things where it has overlooked one."""

    class Blind(fakes.VLM):
        def _answer(self, chat):
            if chat.text.startswith("The first picture"):
                return fakes.completion(NOTHING_TO_CHANGE)
            return super()._answer(chat)

    operations = {"language": "micro", "max_operations": 1, "types": ["add"]}
    return run_loop(vlm=Blind(album), section=small_section(operations=operations))


@pytest.fixture
def scenes(album, seed_rows):
    return {row["id"]: album.look(unpack_image(row["image"])) for row in seed_rows}


@pytest.fixture
def truth(scenes, seed_rows, tmp_path):
    """The files of truth of both shards."""
    paths = [tmp_path / f"truth{shard}.jsonl" for shard in range(2)]
    for shard, path in enumerate(paths):
        lines = [f'{{"id": "{row["id"]}", "scene": {to_json(scenes[row["id"]])}}}\n' for row in seed_rows[shard::2]]
        path.write_text("".join(lines))
    return paths


def reader(see):
    """A checker that sees in each picture what `see` says."""
    return SimpleNamespace(read=lambda images: [see(image) for image in images])


def test_refinements_are_what_the_caption_needs_in_either_wording(blind_loop, scenes, truth, album):
    shards, tables = blind_loop
    labels = true_labels(shards, truth, reader(album.look), seed=3)
    for row in tables["captions"]:
        needed = grammar.refinements(scenes[row["id"]], caption_scene(row["caption"]))
        told = labels.refinements[row["id"]]
        assert needed, "the scripted VLM forgets an object"
        assert [grammar.plain(sentence) for sentence in told] == [grammar.plain(sentence) for sentence in needed]
    assert true_labels(shards, truth, reader(album.look), seed=3) == labels
    others = [true_labels(shards, truth, reader(album.look), seed=seed).refinements for seed in range(4)]
    assert any(each != labels.refinements for each in others), "the run's seed draws the wording"


def test_pairs_are_kept_whose_every_statement_is_true(blind_loop, scenes, truth, album):
    shards, tables = blind_loop
    edits = {row["id"]: album.look(unpack_image(row["image"])) for row in tables["edits"] if not row["failure"]}
    kept = set()
    for row in tables["operations"]:
        found = [parse_operation(statement) for statement in row["statements"]]
        if row["id"] in edits and all(
            premise_holds(each, scenes[row["id"]]) and edit_done(each, edits[row["id"]]) for each in found
        ):
            kept.add(row["id"])
    labels = true_labels(shards, truth, reader(album.look), seed=3)
    assert labels.pairs == kept
    assert 0 < len(kept) < len(edits), "of each kind there is one"
    empty = make_scene([], "dark", "plain")
    assert true_labels(shards, truth, reader(lambda image: empty), seed=3).pairs == set(), "no edit is done"


def test_data_sets_hold_true_labels_alone(blind_loop, truth, album, tmp_path):
    shards, _ = blind_loop
    labels = true_labels(shards, truth, reader(album.look), seed=3)
    _, by_loop = fates(shards)
    untrue = {row_id for row_id, fate in by_loop.items() if not fate} - labels.pairs
    out = make_data_sets(tmp_path / "out")
    sizes = {"csr_size": 7, "vop_size": 1, "vop_held_out": 1, "allow_fewer": False, "vop_share": 1.0}
    section = load("smoke").synthesis.model_copy(update={"labels": "truth", **sizes})
    assemble(shards, out, section, lineage="base~truth", seed=3, truth=labels)
    for row in read_rows(out.csr):
        assert row["ground_truth"] == labels.refinements[row["id"]]
        assert row["prompt"] == render("micro", "csr", caption=row["caption"])
    for path in (out.vop, out.held_out):
        (pair,) = by_id(read_rows(path))
        assert pair in labels.pairs
    with out.dropped.open() as file:
        account = {(row["dataset"], row["reason"]): int(row["rows"]) for row in csv.DictReader(file)}
    assert account["vop", "edits: untrue statement"] == len(untrue)
    assert ("csr", "critiques: nothing to change") not in account, "what the critic overlooked is there to be found"


def test_a_right_caption_has_nothing_to_change(run_loop, truth, album):
    shards, tables = run_loop()
    labels = true_labels(shards, truth, reader(album.look), seed=3)
    (right, *_) = by_id(tables["captions"])
    labels.refinements[right] = []
    csr_fates, _ = fates(shards, labels)
    assert {row_id: fate for row_id, fate in csr_fates.items() if fate} == {right: "critiques: nothing to change"}


def test_every_shard_needs_its_truth(run_loop, truth, album):
    shards, _ = run_loop()
    with pytest.raises(ViperError, match="1 files of truth for 2 shards"):
        true_labels(shards, truth[:1], reader(album.look), seed=3)


@pytest.mark.parametrize("lacking", [PHOTOGRAPHS, {"models.checker": None}])
@pytest.mark.parametrize("where", ["synthesis", "variants.mine.synthesis"])
def test_truth_is_asked_only_of_drawn_pictures(where, lacking):
    changes = {"synthesis.critique.picture": "image", "synthesis.critique.max_texts": None, "synthesis.labels": "truth"}
    if where.startswith("variants"):
        labels = {"labels": "truth", "critique": {"picture": "image", "max_texts": None}}
        changes = {"variants.mine": {"synthesis": labels}, "experiments.trial": ["base~mine.vop"]}
    assert load("micro", overrides=changes).has_truth
    with pytest.raises(ViperError, match=f"{where}.labels is truth, which only drawn pictures have"):
        load("micro", overrides=changes | lacking)

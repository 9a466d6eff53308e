"""Each step on models whose answers are known."""

import pytest
from PIL import Image

from microworld import grammar
from microworld.parse import parse_caption, parse_operation
from scripted_loop import filtering_section
from viper.prompts import render
from viper.synthesis import steps
from viper.synthesis.rows import by_id, drawn_for_vop, pack_image, unpack_image


def test_critique_finds_the_forgotten_object(run_loop, album, seed_rows):
    _, tables = run_loop()
    for seed, critique in zip(sorted(tables["images"], key=_name), sorted(tables["critiques"], key=_name), strict=True):
        forgotten = album.look(unpack_image(seed["image"])).objects[-1]
        assert critique["refinements"] == [f"The caption misses a {grammar.placed_phrase(forgotten)}."]
        assert critique["failure"] == ""


def test_refined_caption_is_the_truth(run_loop, album):
    _, tables = run_loop()
    originals = by_id(tables["images"])
    for row in tables["refinements"]:
        assert row["refined_caption"] == grammar.caption(album.look(unpack_image(originals[row["id"]]["image"])))


def test_statements_tell_what_the_edited_picture_shows(run_loop, album):
    _, tables = run_loop()
    originals, edits = by_id(tables["images"]), by_id(tables["edits"])
    assert len(edits) == len(originals)
    for row in tables["operations"]:
        before = album.look(unpack_image(originals[row["id"]]["image"]))
        after = album.look(unpack_image(edits[row["id"]]["image"]))
        assert 1 <= len(row["statements"]) == len(row["instructions"]) <= 3
        assert len(set(row["statements"])) == len(row["statements"])
        for statement in row["statements"]:
            operation = parse_operation(statement)
            if operation.before is not None and operation.type in ("position", "remove", "count"):
                assert after.at(operation.before.cell) is None
            elif operation.type == "text":
                assert before.at(operation.before.cell).kind == operation.before.kind
                assert after.at(operation.after.cell).kind == operation.after.kind
            else:
                changed = {"color": "color", "size": "size", "shape": "kind"}.get(operation.type, "kind")
                assert getattr(after.at(operation.after.cell), changed) == getattr(operation.after, changed)
        assert 0 < edits[row["id"]]["mean_change"] < 0.25


def test_every_row_says_what_made_it(run_loop):
    _, tables = run_loop()
    for step, rows in tables.items():
        if step != "images":
            assert {(row["lineage"], row["seed"]) for row in rows} == {("base", 3)}
            assert all(row["prompt_name"] for row in rows)
    assert tables["captions"][0]["prompt_name"] == "micro/caption"


def test_the_critic_sees_both_pictures_and_the_others_one(run_loop, fakes, album):
    vlm = fakes.VLM(album)
    run_loop(vlm=vlm)
    counts = {len(chat.images) for chat in vlm.chats if chat.text.startswith("The first picture was described as")}
    others = {len(chat.images) for chat in vlm.chats if not chat.text.startswith("The first picture was described as")}
    assert (counts, others) == ({2}, {1})


def test_broken_captions_stop_there(run_loop, fakes, album):
    _, tables = run_loop(vlm=fakes.VLM(album, broken="caption"))
    assert {row["failure"] for row in tables["captions"]} == {"broken format"}
    assert tables["reconstructions"] == tables["critiques"] == tables["edits"] == []


def test_a_broken_critique_costs_csr_but_not_vop(run_loop, fakes, album):
    _, tables = run_loop(vlm=fakes.VLM(album, broken="critique"))
    assert {row["failure"] for row in tables["critiques"]} == {"broken format"}
    assert {row["failure"] for row in tables["refinements"]} == {""}
    captions = by_id(tables["captions"])
    assert all(row["refined_caption"] == captions[row["id"]]["caption"] for row in tables["refinements"])


def test_nobody_is_asked_about_a_failed_painting(run_loop, fakes, album):
    class Failing(fakes.Painter):
        def paint(self, prompts, *, seeds, shapes):
            first, *others = super().paint(prompts, seeds=seeds)
            return [Image.new("RGB", first.size), *others]

    vlm = fakes.VLM(album)
    _, tables = run_loop(vlm=vlm, painter=Failing(album))
    failures = [row["failure"] for row in tables["critiques"]]
    flat = failures.count("flat reconstruction")
    assert flat > 0
    assert failures.count("") == len(failures) - flat
    assert sum(len(chat.images) == 2 for chat in vlm.chats) == len(failures) - flat
    assert {row["failure"] for row in tables["refinements"]} == {""}, "its caption still serves VOP"


@pytest.mark.parametrize("broken", ["refine", "entities"])
def test_broken_refinement_and_entities_are_told_apart(run_loop, fakes, album, broken):
    _, tables = run_loop(vlm=fakes.VLM(album, broken=broken))
    expected = {"refine": "broken format of refined caption", "entities": "broken format of entities"}
    assert {row["failure"] for row in tables["refinements"]} == {expected[broken]}
    assert tables["operations"] == []


def test_one_edit_without_effect_fails_the_whole_picture(run_loop, fakes, album):
    _, tables = run_loop()
    row = next(row for row in tables["operations"] if len(row["instructions"]) > 1)
    _, tables = run_loop(editor=fakes.Editor(album, deaf_to=(row["instructions"][1],)))
    edit = by_id(tables["edits"])[row["id"]]
    assert edit["failure"] == "edit without effect"
    assert edit["mean_change"] > 0, "the other edits did happen"


def test_a_repainted_picture_is_a_failed_edit(run_loop, options, seed_rows, album):
    _, tables = run_loop()

    class Repainter:
        def edit(self, images, instructions, *, seeds):
            return [Image.new("RGB", image.size, "white") for image in images]

    rows = steps.edit(seed_rows, tables["operations"], Repainter(), options, lineage="base", seed=3)
    assert {row["failure"] for row in rows} <= {"edit destroyed the picture", "edit without effect"}
    assert "edit destroyed the picture" in {row["failure"] for row in rows}


def test_all_at_once_sends_one_joined_instruction(run_loop, options, seed_rows):
    _, tables = run_loop()
    heard = []

    class Listener:
        def edit(self, images, instructions, *, seeds):
            heard.extend(instructions)
            return images

    edit = options.edit.model_copy(update={"one_by_one": False})
    all_at_once = options.model_copy(update={"edit": edit})
    steps.edit(seed_rows, tables["operations"], Listener(), all_at_once, lineage="base", seed=3)
    assert heard == [" ".join(row["instructions"]) for row in tables["operations"]]


def test_noise_depends_on_the_row_not_on_the_shard(fakes, album, seed_rows, options):
    captions = steps.caption(seed_rows, fakes.VLM(album), options, lineage="base", seed=3)
    whole, parts = fakes.Painter(album), fakes.Painter(album)
    steps.reconstruct(seed_rows, captions, whole, lineage="base", seed=3)
    for row in captions:
        steps.reconstruct(seed_rows, [row], parts, lineage="base", seed=3)
    assert whole.seeds == parts.seeds
    assert len(set(whole.seeds)) == len(captions)


def test_the_painter_is_told_the_shape_of_each_image_and_no_more(fakes, album, options):
    class Asked(fakes.Painter):
        def paint(self, prompts, *, seeds, shapes):
            self.shapes = dict(zip(prompts, shapes, strict=True))
            return [Image.new("RGB", (8, 8)) for _ in prompts]

    shapes = {"a": (30, 20), "b": (20, 30), "c": (8, 8)}
    images = [
        {"id": name, "image": pack_image(Image.new("RGB", shape)), "source": ""} for name, shape in shapes.items()
    ]
    captions = [
        {"id": name, "caption": f"{name}.", "failure": "broken format" if name == "c" else ""} for name in shapes
    ]
    painter = Asked(album)
    steps.reconstruct(images, captions[::-1], painter, lineage="base", seed=3)
    assert painter.shapes == {"a.": (30, 20), "b.": (20, 30)}


def test_only_the_drawn_share_is_refined(run_loop, options, seed_rows, fakes, album):
    _, tables = run_loop()
    made_by = {"lineage": "base", "seed": 3}
    ids = {}
    for share in (0.3, 0.6):
        part = options.model_copy(update={"vop_share": share})
        rows = steps.refine(seed_rows, tables["captions"], tables["critiques"], fakes.VLM(album), part, **made_by)
        ids[share] = {row["id"] for row in rows}
    assert set() < ids[0.3] < ids[0.6] < {row["id"] for row in seed_rows}
    drawn = [drawn_for_vop(f"image-{index}", 0.3, 0) for index in range(2000)]
    assert 0.25 < sum(drawn) / 2000 < 0.35


def test_empty_shards_pass_through(options):
    class Nobody:
        def __getattr__(self, name):
            raise AssertionError("no model is asked about nothing")

    made_by = {"lineage": "base", "seed": 0}
    assert steps.caption([], Nobody(), options, **made_by) == []
    assert steps.reconstruct([], [], Nobody(), **made_by) == []
    assert steps.critique([], [], [], Nobody(), options, **made_by) == []
    assert steps.refine([], [], [], Nobody(), options, **made_by) == []
    assert steps.edit([], [], Nobody(), options, **made_by) == []


def _name(row):
    return row["id"]


def test_filters_pass_what_every_answer_says(run_loop):
    _, without = run_loop()
    _, tables = run_loop(section=filtering_section())
    assert [row["refinements"] for row in tables["critiques"]] == [row["refinements"] for row in without["critiques"]]
    assert all(len(row["opinions"]) == 3 for row in tables["refinements"])
    assert all(row["opinions"] == [] for row in without["refinements"])
    # The captions of this model forget the last object of every picture, so nothing is done to it.
    last = {row["id"]: parse_caption(row["refined_caption"])[0][-1].cell for row in without["refinements"]}
    for row in tables["operations"]:
        assert row["failure"] == ""
        changed = [parse_operation(statement) for statement in row["statements"]]
        assert all(last[row["id"]] not in cells_of(operation) for operation in changed)


def cells_of(operation) -> set[int]:
    return {thing.cell for thing in (operation.before, operation.after) if thing}


def test_a_refinement_that_one_answer_of_three_has_is_left_out(run_loop, fakes, album):
    class Wavering(fakes.VLM):
        """A critic that is right, and whose every third answer adds something else."""

        asked = 0

        def answer(self, chats, **options):
            said = super().answer(chats, **options)
            if not chats[0].text.startswith(render("micro", "critique", caption="CAPTION").partition("CAPTION")[0]):
                return said
            self.asked += 1
            extra = "The background is pale."
            return [each.replace("</answer>", f" {extra}</answer>") if self.asked % 3 == 0 else each for each in said]

    _, steady = run_loop()
    _, tables = run_loop(vlm=Wavering(album), section=filtering_section())
    assert [row["refinements"] for row in tables["critiques"]] == [row["refinements"] for row in steady["critiques"]]

"""Labels that are right by construction: whatever the VLM misreads, they say what the pictures show."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from captions import caption_scene
from microworld import audit, grammar
from microworld.findings import edit_done
from microworld.operations import OPERATION_TYPES
from microworld.parse import parse_operation
from microworld.scene import COLORS, GLYPHS, Scene, make_scene, scene_stream, to_json
from scripted_loop import FakeVLM, completion, make_data_sets, small_section
from viper.analysis.figures import loop_examples
from viper.config.synthesis import OperationsSection, Synthesis
from viper.errors import ViperError
from viper.prompts import render
from viper.synthesis.assemble import Shards, assemble
from viper.synthesis.english import EnglishLanguage, parse_entity
from viper.synthesis.heuristics import get_language, plan_on_newcomer
from viper.synthesis.rows import by_id, read_rows, unpack_image
from viper.synthesis.steps import WORDY

SAMPLED = {"max_new_tokens": 8, "temperature": 1.0}
ADDED = {"language": "micro", "max_operations": 1, "premise": "added"}
BY_CONSTRUCTION = {
    "caption": SAMPLED,
    "critique": {"max_new_tokens": 8, "picture": "reconstruction"},
    "operations": ADDED,
}


class Misreading(FakeVLM):
    """Takes every color for the next one, and in each further caption forgets another object."""

    asked = 0

    def answer(self, chats, **options):
        self.asked += chats[0].text == render("micro", "caption")
        return super().answer(chats, **options)

    def _answer(self, chat):
        scene = self.album.look(chat.images[0])
        things = [_recolored(thing) for thing in scene.objects]
        if chat.text == render("micro", "caption"):
            things.pop(self.asked % len(things))
            return completion(grammar.caption(make_scene(things, scene.shade, scene.texture)))
        assert chat.text.startswith(render("micro", "entities", caption="CAPTION").partition("CAPTION")[0])
        return completion(grammar.entities(things))


def _recolored(thing):
    following = COLORS[(COLORS.index(thing.color) + 1) % len(COLORS)]
    return type(thing)(thing.kind, following, thing.size, thing.cell)


@pytest.fixture
def constructed(run_loop, album):
    return run_loop(vlm=Misreading(album), section=small_section(**BY_CONSTRUCTION))


def test_refinements_are_true_of_the_reconstruction(constructed, album):
    _, tables = constructed
    painted = {row["id"]: album.look(unpack_image(row["image"])) for row in tables["reconstructions"]}
    assert {row["failure"] for row in tables["critiques"]} == {""}
    for row in tables["critiques"]:
        assert row["picture"] == "reconstruction"
        needed = grammar.refinements(_still(painted[row["id"]]), caption_scene(row["caption"]))
        assert needed
        assert [grammar.plain(sentence) for sentence in row["refinements"]] == needed


@pytest.mark.parametrize("most", [0, 1])
def test_captions_with_more_texts_than_are_held_to_a_painter_are_left_out(run_loop, album, most):
    critique = BY_CONSTRUCTION["critique"] | {"max_texts": most}
    section = small_section(**BY_CONSTRUCTION | {"critique": critique})
    _, tables = run_loop(vlm=Misreading(album), section=section)
    captions = {row["id"]: caption_scene(row["caption"]) for row in tables["captions"] if not row["failure"]}
    texts = {name: sum(thing.kind in GLYPHS for thing in scene.objects) for name, scene in captions.items()}
    assert min(texts.values()) <= most < max(texts.values())
    for row in tables["critiques"]:
        assert (row["failure"] == WORDY) == (texts[row["id"]] > most)
        assert bool(row["refinements"]) == (texts[row["id"]] <= most)


def test_a_critic_is_no_painter():
    with pytest.raises(ValidationError, match="max_texts is 1, and a critic sees both pictures"):
        small_section(critique={"max_new_tokens": 8, "max_texts": 1})


def test_texts_of_a_caption_are_what_it_quotes():
    assert EnglishLanguage().texts('A sign "STOP" beside “Rue 7”, and it is not there.') == ["STOP", "Rue 7"]


def test_statements_are_true_of_what_was_prepared(constructed, album, seed_rows):
    _, tables = constructed
    operations = by_id(tables["operations"])
    kinds = set()
    for row in tables["edits"]:
        if row["failure"]:
            continue
        start = row["prepared"][0] if row["prepared"] else by_id(seed_rows)[row["id"]]["image"]
        (statement,) = operations[row["id"]]["statements"]
        operation = parse_operation(statement)
        kinds.add(operation.type)
        assert bool(row["prepared"]) == bool(operations[row["id"]]["preparation"]) == (operation.type != "add")
        assert edit_done(operation, album.look(unpack_image(row["image"])))
        if operation.type != "add":  # where something is added, the place may be taken by what nobody saw
            assert audit.premise_holds(operation, album.look(unpack_image(start)))
    assert len(kinds) > 2, kinds


def test_seen_premises_of_the_same_vlm_are_false(run_loop, album, seed_rows):
    operations = {"language": "micro", "max_operations": 1, "types": ["color", "size", "remove"]}
    _, tables = run_loop(vlm=Misreading(album), section=small_section(**BY_CONSTRUCTION | {"operations": operations}))
    scenes = {row["id"]: album.look(unpack_image(row["image"])) for row in seed_rows}
    held = [
        audit.premise_holds(parse_operation(statement), scenes[row["id"]])
        for row in tables["operations"]
        for statement in row["statements"]
    ]
    assert held
    assert not any(held), "every color is misread"


def test_data_sets_show_what_the_labels_are_of(constructed, tmp_path):
    shards, tables = constructed
    out = make_data_sets(tmp_path / "out")
    section = small_section(**BY_CONSTRUCTION, csr_size=4, vop_size=4, allow_fewer=True)
    assemble(shards, out, section, lineage="base", seed=3)
    painted, critiques, edits = (by_id(tables[step]) for step in ("reconstructions", "critiques", "edits"))
    images = by_id(tables["images"])
    rows = read_rows(out.csr)
    assert rows
    for row in rows:
        assert row["images"] == [painted[row["id"]]["image"]]
        assert row["caption"] == critiques[row["id"]]["caption"]
        assert row["prompt"] == render("micro", "csr", caption=row["caption"])
        assert row["ground_truth"] == critiques[row["id"]]["refinements"]
    rows = read_rows(out.vop)
    assert any(edits[row["id"]]["prepared"] for row in rows)
    for row in rows:
        start = edits[row["id"]]["prepared"] or [images[row["id"]]["image"]]
        assert row["images"] == [*start, edits[row["id"]]["image"]]


def test_shuffled_labels_are_the_same_ones_of_other_rows(constructed, tmp_path):
    shards, _ = constructed
    section = small_section(**BY_CONSTRUCTION, csr_size=6, vop_size=4, vop_held_out=1, allow_fewer=True)
    sets = {}
    for labels in ("loop", "shuffled"):
        sets[labels] = make_data_sets(tmp_path / labels)
        by_labels = section.model_copy(update={"labels": labels})
        assemble(shards, sets[labels], by_labels, lineage="base", seed=3)
    assert read_rows(sets["loop"].held_out) == read_rows(sets["shuffled"].held_out)
    for name in ("csr", "vop"):
        own, other = (read_rows(getattr(sets[labels], name)) for labels in ("loop", "shuffled"))
        told, exchanged = ([row.pop("ground_truth") for row in rows] for rows in (own, other))
        assert own == other, "nothing else differs"
        assert sorted(told) == sorted(exchanged)
        assert len(told) > 1
        assert all(one != two for one, two in zip(told, exchanged, strict=True))


def test_reconstructions_are_asked_for_where_they_are_shown(constructed, tmp_path):
    shards, _ = constructed
    fewer = Shards({step: paths for step, paths in shards.tables.items() if step != "reconstructions"})
    out = make_data_sets(tmp_path / "out")
    with pytest.raises(ViperError, match="add --reconstructions"):
        assemble(fewer, out, small_section(**BY_CONSTRUCTION, allow_fewer=True), lineage="base", seed=3)
    assert not out.csr.exists()


@pytest.mark.parametrize("slips", [False, True])
def test_the_audit_holds_each_label_to_its_own_picture(slips, constructed, album, seed_rows, tmp_path):
    """Of a painter that paints other colors than it was told, what the caption misses is not as the label says."""
    shards, _ = constructed
    truth = [tmp_path / f"truth{shard}.jsonl" for shard in range(2)]
    for shard, path in enumerate(truth):
        scenes = {row["id"]: album.look(unpack_image(row["image"])) for row in seed_rows[shard::2]}
        path.write_text("".join(f'{{"id": "{name}", "scene": {to_json(scene)}}}\n' for name, scene in scenes.items()))

    class Reader:
        def read(self, images):
            scenes = [_still(album.look(image)) for image in images]
            seen = _recolored if slips else lambda thing: thing
            return [make_scene([*map(seen, scene.objects)], scene.shade, scene.texture) for scene in scenes]

    shares = audit.audit(shards, truth, Reader()).set_index(["step", "measure"])["share"]
    blames = {name: shares["refinements", name] for name in audit.BLAMES}
    told = {audit.CAPTION: 0.5, audit.PAINTER: 0.5} if slips else {audit.CAPTION: 1}
    assert blames == dict.fromkeys(audit.BLAMES, 0) | told, "of each two labels one is about what the caption misses"
    assert shares["caption", "color"] == 0
    if not slips:
        assert shares["refinements", "needed and found"] == 1
        assert shares["edits", "done"] == 1


def test_the_figure_of_the_loop_shows_both(constructed):
    shards, _ = constructed
    steps = {step: shards.path(step, 0) for step in ("captions", "reconstructions", "critiques", "operations", "edits")}
    examples = loop_examples.collect(shards.path("images", 0), steps, 3)
    figure = loop_examples.draw(examples)
    assert len(figure.axes) == 12
    assert "another caption" in loop_examples.caption(examples)
    assert "started from" not in loop_examples.caption([{**examples[0], "prepared": [], "picture": "image"}])


def test_a_preparation_without_effect_fails_the_edit(run_loop, album, fakes):
    section = small_section(**BY_CONSTRUCTION)
    _, tables = run_loop(vlm=Misreading(album), section=section)
    row = next(row for row in tables["operations"] if row["preparation"])

    class Deaf(fakes.Editor):
        def _edit(self, image, text):
            if text == row["preparation"]:
                return image.copy()
            try:
                return super()._edit(image, text)
            except KeyError:  # there is nothing that it could change
                return image.copy()

    _, tables = run_loop(vlm=Misreading(album), editor=Deaf(album), section=section)
    assert by_id(tables["edits"])[row["id"]]["failure"] == "edit without effect"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31 - 1), st.sampled_from(["micro", "english"]))
def test_a_change_is_of_what_was_just_added(seed, language):
    spoken = get_language(language)
    scene = next(scene_stream(seed))
    answer = grammar.entities(scene.objects) if language == "micro" else "mug | blue | small | - | 1 | TEA | left"
    section = OperationsSection(language=language, max_operations=1, premise="added")
    given_ = {"caption": grammar.caption(scene), "answer": answer, "seed": seed}
    addition, changes, failure = plan_on_newcomer(spoken, section, **given_)
    assert (addition, changes, failure) == plan_on_newcomer(spoken, section, **given_)
    if failure:
        assert (addition, changes) == (None, [])
        return
    (change,) = changes
    if addition is None:
        assert change.type == "add"
        return
    assert change.type != "add"
    if language == "micro":
        newcomer = addition.newcomer
        assert scene.at(newcomer.cell) is None
        operation = parse_operation(change.statement)
        before = make_scene([*_still(scene).objects, newcomer], scene.shade, scene.texture)
        assert audit.premise_holds(operation, before)
        touched = {thing.cell for thing in (operation.before, operation.after) if thing}
        assert newcomer.cell in touched or operation.type == "count"
    else:
        assert addition.newcomer.name in change.statement


def test_every_type_gets_its_turn():
    scenes, section = scene_stream(4), OperationsSection(language="micro", max_operations=1, premise="added")
    types = set()
    for seed in range(300):
        scene = next(scenes)
        known = {"caption": grammar.caption(scene), "answer": grammar.entities(scene.objects)}
        _, changes, _ = plan_on_newcomer(get_language("micro"), section, **known, seed=seed)
        types |= {change.type for change in changes}
    assert types == set(OPERATION_TYPES)


@pytest.mark.parametrize("said", ["", "A dog sleeps.", "A large red circle is at the top left."])
def test_captions_that_cannot_be_read_are_not_compared(said):
    scene = next(scene_stream(5))
    rng = np.random.default_rng(0)
    assert get_language("micro").differences(grammar.caption(scene), said, rng) is None
    assert get_language("micro").differences(said, grammar.caption(scene), rng) is None
    assert get_language("micro").differences(grammar.caption(scene), grammar.caption(scene), rng) == []
    assert EnglishLanguage().differences(said, said, rng) is None


def test_an_english_newcomer_reads_like_an_entity():
    language, rng = EnglishLanguage(), np.random.default_rng(0)
    mug = parse_entity("mug | blue | small | - | 1 | TEA | on the left")
    addition = language.propose(rng, [mug], "add", mug)
    assert addition.newcomer.name in addition.statement
    assert language.joined([mug], addition.newcomer) == [mug, addition.newcomer]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"operations": ADDED | {"max_operations": 2}}, "max_operations is 2, and only one thing"),
        ({"caption": {"max_new_tokens": 8}}, "raise it"),
        ({"operations": {"language": "english"}}, "captions in English"),
        ({"labels": "truth"}, "known of seed images"),
        ({"critique": SAMPLED | {"picture": "reconstruction", "answers": 3}}, "answers is 3, and nobody"),
    ],
)
def test_what_does_not_fit_is_told(changes, told):
    values = small_section(**BY_CONSTRUCTION).model_dump() | changes
    with pytest.raises(ValidationError, match=told):
        Synthesis(**values)


def _still(scene: Scene) -> Scene:
    """The scene as a sentence or the checker knows it: without jitter."""
    return make_scene(
        [type(thing)(thing.kind, thing.color, thing.size, thing.cell) for thing in scene.objects],
        scene.shade,
        scene.texture,
    )

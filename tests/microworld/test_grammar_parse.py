"""Every sentence that the grammar writes is read back to the facts it was made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captions import caption_scene
from microworld import grammar, parse
from microworld.operations import OPERATION_TYPES, apply_operation, apply_operations, propose, sample_operations
from microworld.scene import KINDS, Object, make_scene, sample_scene

seeds = st.integers(0, 2**32 - 1)


def _scene(seed: int):
    return sample_scene(np.random.default_rng(seed), split=None)


def _look(scene):
    return [(thing.kind, thing.color, thing.size, thing.cell) for thing in scene.objects], scene.shade, scene.texture


@given(seeds)
def test_a_caption_reads_back_to_its_scene(seed):
    scene = _scene(seed)
    assert _look(caption_scene(grammar.caption(scene))) == _look(scene)


@given(seeds, st.sampled_from(OPERATION_TYPES))
def test_statements_and_instructions_read_back(seed, type):
    scene = _scene(seed)
    operation = propose(np.random.default_rng(seed), scene, type)
    if operation is None:
        return
    for write in (grammar.statement, grammar.instruction):
        read = parse.parse_operation(write(operation))
        assert read.type == type
        assert write(read) == write(operation)


@given(seeds, seeds)
def test_refinements_read_back_and_name_both_sides(first, second):
    truth, described = _scene(first), _scene(second)
    for sentence in grammar.refinements(truth, described):
        found = parse.parse_refinement(sentence)
        if found.type == "background":
            assert (found.real, found.said) == (
                (truth.shade, truth.texture),
                (described.shade, described.texture),
            )
        else:
            for side, scene in ((found.real, truth), (found.said, described)):
                there = scene.at(found.cell)
                assert (side is None) == (there is None)
                assert side is None or grammar.object_phrase(side) == grammar.object_phrase(there)


def _sentences(seed):
    """Statements and refinements of a random picture, all in the grammar's own wording."""
    rng, scene = np.random.default_rng(seed), _scene(seed)
    operations = (propose(rng, scene, type) for type in OPERATION_TYPES)
    return [*(grammar.statement(o) for o in operations if o), *grammar.refinements(scene, _scene(seed + 1))]


@given(seeds, seeds)
def test_every_wording_is_read_as_the_same_fact(seed, luck):
    written = _sentences(seed)
    worded = grammar.reword(np.random.default_rng(luck), " ".join(written))
    assert parse.sentences_of(grammar.plain(worded)) == written
    assert grammar.plain(grammar.plain(worded)) == grammar.plain(worded)
    for sentence, other in zip(written, parse.sentences_of(worded), strict=True):
        for read in (parse.parse_operation, parse.parse_refinement):
            assert read(sentence) == read(other)


@given(seeds)
def test_captions_and_instructions_have_one_wording(seed):
    rng, scene = np.random.default_rng(seed), _scene(seed)
    for text in (grammar.caption(scene), *(grammar.instruction(o) for o in sample_operations(rng, scene, 3))):
        assert grammar.plain(text) == grammar.reword(rng, text) == text


def test_both_wordings_are_used():
    rng, sentence = np.random.default_rng(0), "A large red circle was removed from the top left."
    assert {grammar.reword(rng, sentence) for _ in range(20)} == {sentence, sentence.replace("from", "at")}


@given(seeds)
def test_a_right_caption_needs_no_refinement(seed):
    assert grammar.refinements(_scene(seed), _scene(seed)) == []


@given(seeds)
def test_entities_read_back(seed):
    scene = _scene(seed)
    read = parse.parse_entities(grammar.entities(scene.objects))
    assert [grammar.placed_phrase(thing) for thing in read] == [grammar.placed_phrase(t) for t in scene.objects]


@given(seeds, st.integers(1, 3))
@settings(max_examples=50)
def test_several_operations_change_the_picture_and_touch_different_cells(seed, count):
    scene = _scene(seed)
    operations = sample_operations(np.random.default_rng(seed), scene, count)
    assert 1 <= len(operations) <= count
    assert _look(apply_operations(scene, operations)) != _look(scene)
    cells = [thing.cell for o in operations for thing in (o.before, o.after) if thing and o.type != "position"]
    firsts = [o.before.cell if o.before else o.after.cell for o in operations]
    assert len(set(firsts)) == len(firsts)
    assert set(cells) <= set(range(9))


def test_known_sentences():
    circle = Object("circle", "red", "large", 0)
    scene = make_scene([circle, Object("letter K", "blue", "small", 4)], "dark", "striped")
    assert grammar.caption(scene) == (
        "A large red circle is at the top left. A small blue letter K is at the middle center. "
        "The background is dark and striped."
    )
    operation = parse.parse_operation("A large red circle was moved from the top left to the bottom right.")
    assert operation.before == circle
    assert operation.after.cell == 8
    assert parse.parse_operation("The circle became bigger.") is None
    assert parse.parse_object_sentence("A large pink circle is at the top left.") is None


@pytest.mark.parametrize("kind", KINDS)
def test_plurals_of_every_kind_read_back(kind):
    thing = Object(kind, "red", "small", 3)
    scene = make_scene([thing], "dark", "plain")
    operation = propose(np.random.default_rng(0), scene, "count")
    assert parse.parse_operation(grammar.statement(operation)).after.kind == kind


def test_an_operation_on_a_missing_object_is_refused():
    scene = make_scene([Object("circle", "red", "large", 0)], "dark", "plain")
    gone = parse.parse_operation("A small red circle was removed from the top left.")
    with pytest.raises(ValueError, match="not in"):
        apply_operation(scene, gone)

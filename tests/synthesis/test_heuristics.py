"""The heuristics, and the two languages that word them."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microworld import grammar
from microworld.operations import OPERATION_TYPES
from microworld.parse import parse_operation
from microworld.scene import Scene, make_scene, sample_object, scene_stream
from viper.config.synthesis import OperationsSection
from viper.synthesis.english import EnglishLanguage, Entity, parse_entity
from viper.synthesis.heuristics import Agreement, get_language, plan_changes

ENGLISH = """mug | blue | small | - | 1 | COFFEE | left of the laptop
apples | red | - | - | 3 | - | in the bowl
sign | white | large | round | 1 | 30 | at the top"""


ALONE = Agreement()  # no further captions


def plan(language: str, caption: str, answer: str, seed: int = 0, agreement=ALONE, **section):
    section = OperationsSection(language=language, **section)
    return plan_changes(get_language(language), section, caption=caption, answer=answer, seed=seed, agreement=agreement)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31 - 1))
def test_micro_changes_are_in_the_grammar_and_distinct(seed):
    scene = next(scene_stream(seed))
    changes, failure = plan("micro", grammar.caption(scene), grammar.entities(scene.objects), seed)
    assert failure == ""
    assert 1 <= len(changes) <= 3
    for change in changes:
        operation = parse_operation(change.statement)
        assert operation == parse_operation(change.instruction)
        assert operation.type == change.type
    touched = [name for change in changes for name in change.touches]
    assert len(touched) == len(set(touched))
    if any(change.type == "count" for change in changes):
        assert len(changes) == 1


def test_every_type_occurs_and_none_crowds_out_the_rest():
    scenes = scene_stream(1)
    counts = Counter()
    for seed in range(400):
        scene = next(scenes)
        changes, _ = plan("micro", grammar.caption(scene), grammar.entities(scene.objects), seed)
        counts.update(change.type for change in changes)
    assert set(counts) == set(OPERATION_TYPES)
    assert max(counts.values()) < 6 * min(counts.values()), counts


def test_only_what_the_caption_says_can_change():
    scene = next(scene_stream(2))
    answer = "large red circle at the top left. not a thing."
    caption = "A small blue star is at the top left. The background is dark and plain."
    assert plan("micro", caption, answer) == ([], "no entities")
    assert plan("micro", grammar.caption(scene), "") == ([], "no entities")


def test_unfit_types_leave_no_operation():
    caption = "A large red circle is at the top left. The background is dark and plain."
    assert plan("micro", caption, "large red circle at the top left.", types=["text"]) == ([], "no operation fits")


@pytest.mark.parametrize("language", ["micro", "english"])
def test_same_seed_same_plan(language):
    scene = next(scene_stream(3))
    caption, answer = grammar.caption(scene), grammar.entities(scene.objects)
    answer = answer if language == "micro" else ENGLISH
    plans = [plan(language, caption, answer, seed) for seed in (7, 7, *range(20))]
    assert plans[0] == plans[1]
    assert any(other != plans[0] for other in plans)


def test_parse_entity():
    assert parse_entity("- mug | Blue | small | - | 1 | “COFFEE” | left of the laptop") == Entity(
        "mug", "Blue", "small", "", "1", "COFFEE", "left of the laptop"
    )
    assert parse_entity("a small blue mug") is None
    assert parse_entity("- | blue | - | - | - | - | -") is None


@pytest.mark.parametrize("type", OPERATION_TYPES)
def test_english_sentences(type):
    import numpy as np

    language = EnglishLanguage()
    described, entities = language.read("", ENGLISH, ALONE)
    changes = [
        language.propose(np.random.default_rng(seed), described, type, one) for seed in range(20) for one in entities
    ]
    changes = [change for change in changes if change]
    assert changes
    for change in changes:
        assert change.statement.endswith(".")
        assert change.statement[0].isupper()
        assert change.instruction.endswith("Keep everything else unchanged.")
        assert "{" not in change.statement + change.instruction
        assert "  " not in change.statement + change.instruction


def test_english_statements_name_before_and_after():
    changes, _ = plan("english", "", ENGLISH.splitlines()[0], types=["color"])
    assert changes[0].statement.startswith("The color of the small mug (left of the laptop) was changed from blue to ")
    changes, _ = plan("english", "", ENGLISH.splitlines()[2], types=["text"])
    assert changes[0].statement.startswith(
        'The text on the large white round sign (at the top) was changed from "30" to '
    )
    changes, _ = plan("english", "", ENGLISH.splitlines()[1], types=["count"])
    assert changes[0].statement in {
        f"The number of red apples items (in the bowl) was changed from 3 to {number}." for number in (2, 4)
    }


def forgetting(scene: Scene, *cells: int) -> str:
    """A caption of a scene that says nothing of some cells."""
    objects = [thing for thing in scene.objects if thing.cell not in cells]
    return grammar.caption(make_scene(objects, scene.shade, scene.texture))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31 - 1), st.integers(1, 4), st.integers(1, 4))
def test_only_what_enough_captions_say_is_changed(seed, least, told):
    scene = next(scene_stream(seed, min_objects=3))
    doubtful = scene.objects[0].cell
    said = [grammar.caption(scene)] * told + [forgetting(scene, doubtful)] * (4 - told)
    caption, answer = grammar.caption(scene), grammar.entities(scene.objects)
    changes, _ = plan("micro", caption, answer, seed, Agreement(tuple(said), least))
    changed = {parse_operation(change.statement).before for change in changes} - {None}
    cells = {thing.cell for thing in changed}
    assert cells <= {thing.cell for thing in scene.objects}
    if told < least:
        assert doubtful not in cells


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31 - 1))
def test_captions_that_all_agree_change_no_plan(seed):
    scene = next(scene_stream(seed))
    caption, answer = grammar.caption(scene), grammar.entities(scene.objects)
    assert plan("micro", caption, answer, seed, Agreement((caption,) * 3, 3)) == plan("micro", caption, answer, seed)


def test_a_place_where_other_captions_see_something_is_not_free():
    import numpy as np

    scene = next(scene_stream(4, max_objects=4))
    free = scene.free_cells()
    rng = np.random.default_rng(0)
    fuller = [make_scene([*scene.objects, sample_object(rng, cell)], scene.shade, scene.texture) for cell in free[1:]]
    said = (*map(grammar.caption, fuller), "Something unreadable.")
    # Each free cell but the first is filled in one caption of those that can be read.
    agreement = Agreement(said, len(fuller))
    described, _ = get_language("micro").read(grammar.caption(scene), "", agreement)
    assert list(described.free) == list(free[:1])


def test_no_caption_agrees():
    caption = "A large red circle is at the top left. The background is dark and plain."
    other = caption.replace("red", "blue")
    planned = plan("micro", caption, "large red circle at the top left.", 0, Agreement((other,), 1))
    assert planned == ([], "no entity that the captions agree on")


def test_english_captions_mention_an_entity_by_all_its_words():
    language, mug = EnglishLanguage(), parse_entity(ENGLISH.splitlines()[0])
    assert language.mentions("A Blue, small MUG stands there.", mug)
    assert not language.mentions("A small mug stands beside a bluebell.", mug)


def test_two_wordings_of_a_fact_have_one_key():
    key = get_language("micro").key
    first, second = (f"The caption misses {article} small red star at the top left." for article in ("a", "the"))
    assert key(first) == key(second) != key(first.replace("red", "blue"))
    assert EnglishLanguage().key("2.  The star  is gone.") == "The star is gone."

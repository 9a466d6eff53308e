"""Whose tables serve whom: equal where nothing before differs, one's own where something does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from viper.config import load
from viper.config.questions import OpenQuestions
from viper.synthesis.loop import STEPS
from viper.synthesis.sharing import maker

TABLES = [step.makes.name for step in STEPS]
# What a variant changes → the first table of the loop that differs; None: none does.
CHANGES = {
    "caption": ({"caption": {"max_new_tokens": 7}}, "captions"),
    "critique": ({"critique": {"max_new_tokens": 7}}, "critiques"),
    "refine": ({"refine": {"max_new_tokens": 7}}, "refinements"),
    "opinions": ({"opinions": {"captions": 3, "least": 2}}, "refinements"),
    "types": ({"operations": {"types": ["add"]}}, "operations"),
    "edit": ({"edit": {"max_change": 0.5}}, "edits"),
    "size": ({"csr_size": 7}, None),
}


def scale_of(variants):
    unasked = {"experiments.ablation_labels": None, "open_questions": dict.fromkeys(OpenQuestions.model_fields)}
    return load("micro", overrides={"variants": variants, **unasked})


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=4), st.lists(st.sampled_from(sorted(CHANGES)), max_size=2))
def test_tables_are_shared_up_to_the_first_that_differs(first, second):
    def merged(names):
        section = {}
        for name in names:
            section |= CHANGES[name][0]
        return {"synthesis": section}

    scale = scale_of({"first": merged(first), "second": merged(second)})
    for name, names in (("first", first), ("second", second)):
        differ = [TABLES.index(CHANGES[each][1]) for each in names if CHANGES[each][1]]
        for number, table in enumerate(TABLES):
            owner = maker(scale, f"base~{name}", table)
            if number < min(differ, default=len(TABLES)):
                assert owner == "base"
            else:
                assert owner in ("base~first", f"base~{name}")
            if owner == "base~first" and name == "second":
                steps = list(STEPS[: number + 1])
                ours, theirs = scale.under("second").synthesis, scale.under("first").synthesis
                assert all(_value(ours, each) == _value(theirs, each) for step in steps for each in step.depends_on), (
                    "all before it is equal"
                )


def _value(section, path):
    for name in path.split("."):
        section = getattr(section, name)
    return section


def test_the_base_and_what_was_trained_make_their_own():
    scale = scale_of({"mine": {"synthesis": {"csr_size": 7}}})
    for lineage in ("base", "base.csr", "base~mine.csr.vop"):
        assert {maker(scale, lineage, table) for table in TABLES} == {lineage}
    assert {maker(scale, "base~mine", table) for table in TABLES} == {"base"}


def test_a_painter_of_ones_own_spares_the_captions():
    """As soon as a variant can change models: what a step depends on is all of it that counts."""
    assert STEPS[1].sections == ["models.painter"]
    assert [step.name for step in STEPS if "models.editor" in step.sections] == ["edit_images"]

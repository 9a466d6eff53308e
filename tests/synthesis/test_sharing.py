"""Whose tables serve whom: equal where nothing before differs, one's own where something does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viper.config import load
from viper.config.questions import OpenQuestions
from viper.errors import ViperError
from viper.synthesis.loop import STEPS
from viper.synthesis.sharing import maker, shards_of, trained_as

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


def scale_of(variants, others=None):
    unasked = {f"open_questions.{name}": None for name in OpenQuestions.model_fields}
    return load("micro", overrides={"variants": variants} | unasked | (others or {}))


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


PHASE_NAMES = st.lists(st.sampled_from(["gen", "stay"]), max_size=4).map(lambda rest: ".".join(["gen", *rest]))


@settings(deadline=None, max_examples=30)
@given(PHASE_NAMES)
def test_a_first_generation_is_trained_once_whatever_images_later_ones_start_from(phases):
    scale = load("micro")
    parts = scale.training.lineage(f"base~fresh.{phases}", scale.variants)
    shared = f"base~half.{phases}" if parts.generation == 1 else f"base~fresh.{phases}"
    assert trained_as(scale, f"base~fresh.{phases}") == shared
    for lineage in (f"base~half.{phases}", f"base.{phases}", "base", "base~half"):
        assert trained_as(scale, lineage) == lineage


def test_a_variant_that_trains_otherwise_trains_by_itself():
    scale = scale_of(
        {
            "longer": {"training": {"phases": {"csr": {"steps": 9}}}},
            "again": {"training": {"phases": {"csr": {"steps": 9}}}},
            "tau": {"reward": {"tau": 0.5}},
        }
    )
    found = {each: trained_as(scale, f"base~{each}.csr") for each in ("longer", "again", "tau")}
    assert found == {"longer": "base~longer.csr", "again": "base~longer.csr", "tau": "base~tau.csr"}


@pytest.mark.parametrize(("shards", "taken"), [(1, 1), (2, 1), (3, 2), (4, 4)])
def test_fresh_generations_share_no_seed_images(shards, taken):
    variants = {"some": {"shards": taken}, "fresh": {"shards": taken, "fresh": True}}
    changes = {name: {"synthesis": {"images": images}} for name, images in variants.items()}
    scale = scale_of(changes, {"images.shards": shards})
    lineages = [".".join(["", *["gen"] * number]) if number else "" for number in range(4)]
    fresh = [shard for lineage in lineages for shard in shards_of(scale, f"base~fresh{lineage}")]
    assert len(fresh) == len(set(fresh)) == taken * len(lineages)
    assert {shards_of(scale, f"base~some{lineage}") for lineage in lineages} == {range(taken)}
    assert shards_of(scale, "base~fresh") == range(taken)
    assert shards_of(scale, "base") == range(shards)


def test_fresh_seed_images_are_drawn_ones():
    photographs = {"images.source": "folder", "images.paths": ["*.png"], "variants.fresh": None, "variants.half": None}
    unasked = {f"open_questions.{name}": None for name in OpenQuestions.model_fields} | {"variants.truth": None}
    load("micro", overrides=photographs | unasked)
    with pytest.raises(ViperError, match=r"synthesis\.images\.fresh is true, and only drawn"):
        load("micro", overrides=photographs | unasked | {"synthesis.images": {"fresh": True}})
    with pytest.raises(ViperError, match=r"variants\.half\.synthesis\.images\.shards 3: the seed images have 2"):
        load("micro", overrides={"variants.half.synthesis.images.shards": 3})

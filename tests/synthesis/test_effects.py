"""Edits told apart from what an editor does to every picture: pictures with known edits, and none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from viper.bench import edit_filter
from viper.config.synthesis import EditSection
from viper.synthesis.effects import Effect, effect_of, failure_of, largest_local_change, mean_change

ALIGNED = EditSection(one_by_one=True, compare="aligned", min_change=0.015, max_spread=0.5, max_change=0.25)


@pytest.fixture(scope="module")
def pictures():
    """Two photographs, where the libraries brought them, and a drawn picture."""
    photographs = edit_filter.photographs()
    drawn = edit_filter.drawn()
    return {name: photographs[name] for name in list(photographs)[1:3]} | {
        name: drawn[name] for name in list(drawn)[1:3]
    }


def test_known_edits_pass_and_none_do_not(pictures):
    """The benchmark in small: pixels compared as they are let most of what was not edited pass."""
    found = edit_filter.measure(edit_filter.filters(ALIGNED), pictures, seed=5)
    wrong = found.assign(wrong=(found["failure"] == "") == (found["edit"] == "none"))
    share = wrong.groupby(["filter", wrong["edit"] == "none"])["wrong"].mean()
    assert share["pixels", True] > 0.5
    assert share["aligned", True] <= 0.05
    assert share["aligned", False] <= 0.1
    assert set(found["edit"]) == {"none", *edit_filter.EDITS}


@settings(max_examples=15, deadline=None)
@given(
    move=st.floats(0, 5), zoom=st.floats(0, 0.02), tone=st.floats(0, 0.05), seed=st.integers(0, 10**6),
    jpeg=st.integers(70, 95),
)  # fmt: skip
def test_whatever_an_editor_does_to_the_whole_picture_is_no_edit(pictures, move, zoom, tone, seed, jpeg):
    """Of photographs, compressed too; of drawn pictures as they come back.

    JPEG halves the resolution of colors: around shapes of one pure color on a smooth ground it changes up to 0.02 of a
    field, more than the least edit. Photographs have no such edges (at most 0.006, of nine under eight null edits).
    """
    name = list(pictures)[seed % len(pictures)]
    how = {"move": move, "zoom": zoom, "tone": tone} | ({} if name.startswith("drawn") else {"jpeg": jpeg})
    after = edit_filter.returned(pictures[name], np.random.default_rng(seed), how)
    effect = effect_of(pictures[name], after, ALIGNED)
    assert failure_of(effect, effect, ALIGNED) == "edit without effect"


def test_a_picture_painted_anew_is_no_edit(pictures):
    first, *_, last = pictures.values()
    effect = effect_of(first, last.resize(first.size), ALIGNED)
    assert failure_of(effect, effect, ALIGNED) != ""


@pytest.mark.parametrize("size", [(16, 16), (17, 300), (8, 8)])
def test_flat_and_tiny_pictures_are_compared(size):
    flat = Image.new("RGB", size, "gray")
    assert effect_of(flat, flat, ALIGNED).local <= 0
    after = flat.copy()
    after.paste((255, 0, 0), (0, 0, size[0] // 4, size[1] // 4))
    assert effect_of(flat, after, ALIGNED).local > 0.1


def test_the_reasons_in_their_order():
    nothing, something = Effect(0.0, 0.0, 0.0), Effect(0.2, 0.05, 0.01)
    assert failure_of(something, something, ALIGNED) == ""
    assert failure_of(nothing, something, ALIGNED) == "edit without effect"
    assert failure_of(something, Effect(0.2, 0.6, 0.1), ALIGNED) == "edit all over the picture"
    assert failure_of(nothing, Effect(0.9, 1.0, 0.3), ALIGNED) == "edit destroyed the picture"


def test_a_small_change_shows_in_its_field():
    before = Image.new("RGB", (64, 64))
    after = before.copy()
    after.paste((255, 255, 255), (8, 8, 16, 16))
    assert largest_local_change(before, after) == pytest.approx(1.0)
    assert mean_change(before, after) == pytest.approx(1 / 64)
    assert largest_local_change(before, before) == 0
    pixels = ALIGNED.model_copy(update={"compare": "pixels"})
    assert effect_of(before, after, pixels) == Effect(1.0, pytest.approx(4 / 256), mean_change(before, after))

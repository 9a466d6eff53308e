"""Scenes and their pictures: seeded, in bounds, and told apart."""

import numpy as np
import pytest

from microworld import draw
from microworld.scene import (
    GLYPHS,
    KINDS,
    Object,
    from_json,
    make_scene,
    sample_scene,
    split_of,
    to_json,
)


def test_the_same_seed_draws_the_same_pictures():
    first, second = (
        [draw.render_array(sample_scene(np.random.default_rng(seed))) for seed in range(20)] for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", range(9))
def test_objects_stay_inside_the_picture_and_their_cell(kind, cell):
    empty = draw.render_array(make_scene([], "dark", "plain")).astype(int)
    for size in ("small", "large"):
        for shift in (-1, 1):
            scene = make_scene([Object(kind, "white", size, cell, shift, shift)], "dark", "plain")
            rows, cols = np.nonzero(abs(draw.render_array(scene).astype(int) - empty).sum(2))
            assert len(rows)
            for found, center in ((rows, draw.CELL_CENTERS[cell // 3]), (cols, draw.CELL_CENTERS[cell % 3])):
                assert found.min() >= center - 8
                assert found.max() < center + 8


def test_small_objects_cover_about_one_percent():
    scene = make_scene([Object("circle", "white", "small", 4)], "dark", "plain")
    empty = draw.render_array(make_scene([], "dark", "plain")).astype(int)
    covered = (abs(draw.render_array(scene).astype(int) - empty).sum(2) > 0).mean()
    assert 0.005 < covered < 0.02


def test_kinds_look_different():
    pictures = [draw.render_array(make_scene([Object(kind, "red", "small", 4)], "dark", "plain")) for kind in KINDS]
    assert len({picture.tobytes() for picture in pictures}) == len(KINDS)


def test_splits_depend_on_the_layout_only_and_all_occur():
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, split=None) for _ in range(400)]
    assert {split_of(scene) for scene in scenes} == {"train", "dev", "test"}
    for scene in scenes:
        still = make_scene([Object(t.kind, t.color, t.size, t.cell) for t in scene.objects], scene.shade, scene.texture)
        assert split_of(still) == split_of(scene)
    assert all(split_of(sample_scene(rng, split="test")) == "test" for _ in range(20))


def test_scenes_have_glyphs_to_read_and_survive_json():
    rng = np.random.default_rng(1)
    scenes = [sample_scene(rng) for _ in range(100)]
    assert any(thing.kind in GLYPHS for scene in scenes for thing in scene.objects)
    assert all(from_json(to_json(scene)) == scene for scene in scenes)


def test_two_objects_cannot_share_a_cell():
    with pytest.raises(ValueError, match="share a cell"):
        make_scene([Object("circle", "red", "large", 0), Object("star", "red", "large", 0)], "dark", "plain")

"""Measuring base models whose quality is known: perfect, color-blind, idle, careless."""

from dataclasses import replace

import pytest

from captions import caption_scene
from microworld import draw
from microworld.base_models.fidelity import measure_editor, measure_painter, measure_vlm
from microworld.scene import make_scene


class Registry:
    """Draws scenes and reads the same pictures back: a checker without mistakes."""

    def __init__(self):
        self.known = {}

    def draw(self, scene):
        image = draw.render(scene)
        self.known[image.tobytes()] = scene
        return image

    def read(self, images):
        return [self.known[image.tobytes()] for image in images]


class Painter:
    def __init__(self, registry, change=lambda thing: thing):
        self.registry, self.change = registry, change

    def paint(self, prompts, *, seeds):
        scenes = map(caption_scene, prompts)
        return [self.registry.draw(make_scene(map(self.change, s.objects), s.shade, s.texture)) for s in scenes]


class IdleEditor:
    def edit(self, images, instructions, *, seeds):
        return images


class SaysTheBackgroundOnly:
    def answer(self, chats, *, max_new_tokens, **sampling):
        return ["<think> </think><answer> The background is dark and plain. </answer>" for _ in chats]


@pytest.fixture
def registry(monkeypatch):
    found, plain = Registry(), draw.render

    def remember(scene):
        image = plain(scene)
        found.known[image.tobytes()] = scene
        return image

    monkeypatch.setattr(draw, "render", remember)
    return found


def shares(table):
    return dict(zip(table["measure"], table["share"], strict=True))


def test_a_perfect_painter_draws_every_fact(registry):
    table = measure_painter(Painter(registry), registry, 12, 0)
    assert set(table["model"]) == {"painter", "checker"}
    assert (table["share"] == 1).all()


def test_a_color_blind_painter_fails_in_colors_only(registry):
    painter = Painter(registry, lambda thing: replace(thing, color="red"))
    found = shares(measure_painter(painter, registry, 12, 0).query("model == 'painter'"))
    assert found.pop("fact: color") < 0.5
    assert found.pop("facts right") < 1
    assert set(found.values()) == {1}


def test_an_editor_that_does_nothing_keeps_everything_and_does_nothing(registry):
    found = shares(measure_editor(IdleEditor(), registry, 16, 0))
    assert found["other cells kept"] == 1
    assert found["edit done"] == 0


def test_a_vlm_that_says_one_sentence_is_measured_by_what_it_says():
    found = shares(measure_vlm(SaysTheBackgroundOnly(), 24, 0))
    assert 0 < found["caption: said sentences that are true"] < 0.5  # one background in six
    assert found["caption: true sentences that are said"] < found["caption: said sentences that are true"]
    assert found["caption, fact: kind"] == found["sampled caption, fact: kind"] == 0
    assert found["vop: true sentences that are said"] == 0

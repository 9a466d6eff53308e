"""Painter and editor go on behind the pictures of an interrupted run."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from viper.config.models import EditorSection, PainterSection
from viper.errors import ViperError
from viper.models.editor import DiffusersEditor
from viper.models.kept_pictures import KeptPictures
from viper.models.painter import DiffusersPainter
from viper.synthesis.commands import unfinished


class InterruptedRunError(Exception):
    """What ends a run."""


class Pipeline:
    """Draws noise of each row's generator; ends the run at its `last` call."""

    def __init__(self, last=None):
        self.calls, self.last = [], last

    def __call__(self, prompt, generator, image=None):
        if len(self.calls) == self.last:
            raise InterruptedRunError
        self.calls.append(prompt)
        many = isinstance(prompt, list)
        generators = generator if many else [generator]
        return SimpleNamespace(images=[noise(each.initial_seed()) for each in generators])


def noise(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8))


PROMPTS = [f"caption {number}" for number in range(7)]


def paint(pipeline, folder, about="it", prompts=PROMPTS, seeds=range(7)):
    section = PainterSection(path="none", batch_size=2)
    painter = DiffusersPainter(pipeline, section, KeptPictures(folder, about))
    return [picture.tobytes() for picture in painter.paint(list(prompts), seeds=list(seeds))]


@pytest.mark.parametrize("last", [0, 1, 2, 3])
def test_a_painter_goes_on_where_it_was_interrupted(tmp_path, last):
    whole = paint(Pipeline(), tmp_path / "whole")
    with pytest.raises(InterruptedRunError):
        paint(Pipeline(last), tmp_path / "work")
    again = Pipeline()
    assert paint(again, tmp_path / "work") == whole
    assert len(again.calls) == 4 - last


def test_what_is_asked_otherwise_is_drawn_anew(tmp_path):
    paint(Pipeline(), tmp_path)
    others = (
        {"about": "another model"},
        {"prompts": [*PROMPTS[:-1], "another caption"]},
        {"seeds": [*range(6), 60]},
        {},
    )
    for other, drawn in zip(others, (4, 1, 1, 0), strict=True):
        again = Pipeline()
        paint(again, tmp_path, **other)
        assert len(again.calls) == drawn, other


def test_an_editor_tells_pictures_apart(tmp_path):
    section = EditorSection(path="none", batch_size=2)

    def edit(color):
        pipeline = Pipeline()
        editor = DiffusersEditor(pipeline, section, KeptPictures(tmp_path, "it"))
        editor.edit([Image.new("RGB", (8, 8), color)] * 3, ["Remove the ring."] * 3, seeds=[1, 2, 3])
        return len(pipeline.calls)

    assert [edit(color) for color in ("red", "blue", "red")] == [2, 2, 0]


@given(gone=st.sets(st.integers(0, 3)), cut=st.sets(st.integers(0, 3)))
def test_whatever_is_left_of_it_the_pictures_are_the_same(tmp_path_factory, gone, cut):
    folder = tmp_path_factory.mktemp("kept")
    whole = paint(Pipeline(), folder)
    files = sorted(folder.iterdir())
    for number in cut:
        files[number].write_bytes(files[number].read_bytes()[: 10 * number])
    for number in gone:
        files[number].unlink()
    again = Pipeline()
    assert paint(again, folder) == whole
    assert len(again.calls) == len(gone | cut)


def test_a_job_removes_what_it_kept_when_it_has_ended_and_only_then(tmp_path):
    work = tmp_path / "work"

    def interrupted():
        with unfinished(work):
            KeptPictures(work, "it").batch({"seed": 1}, lambda: [noise(1)])
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        interrupted()
    assert len(list(work.iterdir())) == 1
    with unfinished(work):
        (picture,) = KeptPictures(work, "it").batch({"seed": 1}, pytest.fail)
    assert picture.tobytes() == noise(1).tobytes()
    assert not work.exists()


def test_two_jobs_do_not_keep_in_one_folder(tmp_path):
    work = tmp_path / "work"
    with unfinished(work), pytest.raises(ViperError, match="is at work there"), unfinished(work):
        pass


def test_nothing_is_kept_where_nobody_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DiffusersPainter(Pipeline(), PainterSection(path="none", batch_size=2)).paint(PROMPTS, seeds=list(range(7)))
    assert not list(tmp_path.iterdir())

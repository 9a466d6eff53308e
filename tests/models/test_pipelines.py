"""Painter and editor on real, tiny diffusers pipelines with random weights, and on stand-ins for other interfaces."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from viper.config.models import EditorSection, PipelineSection
from viper.errors import ViperError
from viper.models.editor import DiffusersEditor, load_editor
from viper.models.painter import DiffusersPainter, load_painter

STEPS = {"num_inference_steps": 2}


@pytest.fixture(scope="module")
def painter(pipeline_folders):
    arguments = {**STEPS, "height": 64, "width": 64}
    return load_painter(
        PipelineSection(path=str(pipeline_folders["painter"]), device="cpu", batch_size=2, arguments=arguments)
    )


@pytest.fixture(scope="module")
def editor(pipeline_folders):
    return load_editor(EditorSection(path=str(pipeline_folders["editor"]), device="cpu", batch_size=2, arguments=STEPS))


def test_a_picture_depends_on_its_seed_not_on_its_batch(painter):
    prompts = ["A large red circle is at the top left."] * 3
    first, second, third = painter.paint(prompts, seeds=[1, 2, 1])
    assert first.mode == "RGB"
    assert first.size == (64, 64)
    assert first.tobytes() != second.tobytes()
    assert_alike([first], [third])  # the third is alone in its batch


@pytest.mark.parametrize("batch_size", [1, 3, 5])
def test_other_batches_give_the_same_pictures(painter, editor, batch_size):
    """Painted and edited; the order is another as well."""
    captions = [f"A large {color} circle is at the top left." for color in ("red", "blue", "red", "red", "blue")]
    seeds, turned = [1, 2, 3, 4, 5], [3, 1, 4, 0, 2]

    def painted(order, batch_size):
        section = painter.section.model_copy(update={"batch_size": batch_size})
        again = DiffusersPainter(painter.pipeline, section)
        return again.paint([captions[row] for row in order], seeds=[seeds[row] for row in order])

    pictures = painted(range(5), 2)
    assert_alike([pictures[row] for row in turned], painted(turned, batch_size))

    def edited(order, batch_size):
        again = DiffusersEditor(editor.pipeline, editor.section.model_copy(update={"batch_size": batch_size}))
        return again.edit(
            [pictures[row] for row in order], [captions[row] for row in order], seeds=[seeds[row] for row in order]
        )

    assert_alike([edited(range(5), 2)[row] for row in turned], edited(turned, batch_size))


def assert_alike(some, others):
    """The same pictures but for the last bits of floating point sums: one level of 255, in a few values."""
    difference = np.abs(np.stack(some).astype(int) - np.stack(others).astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_pipelines_are_silent(painter, capfd):
    painter.paint(["A red circle."], seeds=[1])
    bars = [line for line in capfd.readouterr().err.replace("\r", "\n").splitlines() if "%|" in line]
    assert bars
    assert all(line.startswith("paint") for line in bars)


def test_editor_sees_the_picture(editor):
    dark, light = Image.new("RGB", (64, 64), "black"), Image.new("RGB", (64, 64), "white")
    edited = editor.edit([dark, light, dark], ["Remove the circle."] * 3, seeds=[1, 1, 1])
    assert [image.size for image in edited] == [(64, 64)] * 3


def test_wrong_argument_is_named(pipeline_folders):
    section = PipelineSection(path=str(pipeline_folders["painter"]), device="cpu", arguments={"true_cfg_scale": 4.0})
    with pytest.raises(ViperError, match=r"StableDiffusionPipeline does not take true_cfg_scale .*guidance_scale"):
        load_painter(section)


def test_wrong_image_argument_is_named(pipeline_folders):
    section = EditorSection(path=str(pipeline_folders["editor"]), device="cpu", image_argument="input_images")
    with pytest.raises(ViperError, match="does not take input_images"):
        load_editor(section)


def test_missing_pipeline_is_named(tmp_path):
    with pytest.raises(ViperError, match="cannot be loaded as a diffusers pipeline"):
        load_painter(PipelineSection(path=str(tmp_path)))


class OtherPipeline:
    """Takes `input_images`, a list a prompt, one prompt a call, and rounds sizes to 32, as larger pipelines do."""

    def __init__(self):
        self.calls = []

    def __call__(self, *, input_images, prompt, generator, scale):
        self.calls.append((input_images, prompt, scale))
        size = tuple(round(side / 32) * 32 for side in input_images[0].size)
        return SimpleNamespace(images=[Image.new("RGBA", size)])


def test_other_interfaces_fit_by_parameter():
    pipeline = OtherPipeline()
    section = EditorSection(path="x", batch_size=1, image_argument="input_images", arguments={"scale": 5})
    images = [Image.new("RGB", size) for size in ((100, 70), (64, 64))]
    edited = DiffusersEditor(pipeline, section).edit(images, ["one", "two"], seeds=[1, 2])
    assert [(image.mode, image.size) for image in edited] == [("RGB", (100, 70)), ("RGB", (64, 64))]
    assert sorted((given[0].size, prompt, scale) for given, prompt, scale in pipeline.calls) == [
        ((64, 64), "two", 5),
        ((100, 70), "one", 5),
    ]


def test_sizes_are_not_mixed_in_a_batch():
    class SameSizeOnly:
        def __call__(self, *, image, prompt, generator):
            image = image if isinstance(image, list) else [image]
            assert len({one.size for one in image}) == 1
            return SimpleNamespace(images=image)

    images = [Image.new("RGB", size) for size in ((64, 64), (32, 64), (64, 64))]
    edited = DiffusersEditor(SameSizeOnly(), EditorSection(path="x", batch_size=8)).edit(
        images, ["a", "b", "c"], seeds=[1, 2, 3]
    )
    assert [image.size for image in edited] == [(64, 64), (32, 64), (64, 64)]


def test_pictures_are_checked_on_arrival(caplog):
    class TooMany:
        def __call__(self, *, image, prompt, generator):
            return SimpleNamespace(images=[image, image])

    class Flat:
        def __call__(self, *, image, prompt, generator):
            return SimpleNamespace(images=[Image.new("RGB", image.size)])

    image, section = Image.effect_noise((64, 64), 50).convert("RGB"), EditorSection(path="x", batch_size=1)
    with pytest.raises(ViperError, match="returned 2 pictures for 1 prompts"):
        DiffusersEditor(TooMany(), section).edit([image], ["a"], seeds=[1])
    DiffusersEditor(Flat(), section).edit([image], ["a"], seeds=[1])
    assert "1 of 1 pictures have one flat color" in caplog.text

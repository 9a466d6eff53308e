"""Painter and editor on real, tiny diffusers pipelines with random weights, and on stand-ins for other interfaces."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from viper.config.models import EditorSection, PainterSection
from viper.errors import ViperError
from viper.models.editor import DiffusersEditor, load_editor
from viper.models.painter import DiffusersPainter, load_painter, nearest_size

STEPS = {"num_inference_steps": 2}


@pytest.fixture(scope="module")
def painter(pipeline_folders):
    arguments = {**STEPS, "height": 64, "width": 64}
    return load_painter(
        PainterSection(path=str(pipeline_folders["painter"]), device="cpu", batch_size=2, arguments=arguments)
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
    section = PainterSection(path=str(pipeline_folders["painter"]), device="cpu", arguments={"true_cfg_scale": 4.0})
    with pytest.raises(ViperError, match=r"StableDiffusionPipeline does not take true_cfg_scale .*guidance_scale"):
        load_painter(section)


def test_wrong_image_argument_is_named(pipeline_folders):
    section = EditorSection(path=str(pipeline_folders["editor"]), device="cpu", image_argument="input_images")
    with pytest.raises(ViperError, match="does not take input_images"):
        load_editor(section)


def test_missing_pipeline_is_named(tmp_path):
    with pytest.raises(ViperError, match="cannot be loaded as a diffusers pipeline"):
        load_painter(PainterSection(path=str(tmp_path)))


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


TRAINED = [(1024, 1024), (1184, 880), (880, 1184), (1248, 832), (832, 1248), (1360, 768), (768, 1360)]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((500, 500), (1024, 1024)),
        ((640, 480), (1184, 880)),
        ((480, 640), (880, 1184)),
        ((3000, 2000), (1248, 832)),
        ((1920, 1080), (1360, 768)),
        ((400, 10), (1360, 768)),
        ((10, 400), (768, 1360)),
    ],
)
def test_the_nearest_aspect_ratio_is_taken(shape, size):
    assert nearest_size(shape, TRAINED) == size


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_a_turned_photograph_gets_the_turned_size(shape):
    ratios = sorted(abs(np.log(width * shape[1] / (height * shape[0]))) for width, height in TRAINED)
    if ratios[1] - ratios[0] > 1e-9:  # of two that are equally near, the first counts
        assert nearest_size(shape[::-1], TRAINED) == nearest_size(shape, TRAINED)[::-1]


def test_pictures_have_the_shapes_of_their_photographs(painter):
    """In whatever batches, each the picture that it would be alone."""
    section = PainterSection(path="x", device="cpu", batch_size=2, arguments=STEPS, sizes=[(64, 64), (96, 64)])
    own = DiffusersPainter(painter.pipeline, section)
    prompts, seeds, shapes = ["A red circle."] * 4, [1, 2, 3, 1], [(90, 60), (50, 50), (1000, 700), (7, 9)]
    pictures = own.paint(prompts, seeds=seeds, shapes=shapes)
    assert [picture.size for picture in pictures] == [(96, 64), (64, 64), (96, 64), (64, 64)]
    for row, picture in enumerate(pictures):
        assert_alike([picture], own.paint(prompts[:1], seeds=[seeds[row]], shapes=[shapes[row]]))
    assert [picture.size for picture in own.paint(prompts[:1], seeds=[1])] == [(64, 64)], "no shape: the first"


def test_sizes_are_said_once():
    with pytest.raises(ValidationError, match=r"sizes and arguments\.height and width both say how large"):
        PainterSection(path="x", arguments={"height": 64, "width": 64}, sizes=[(64, 64)])


class Reader:
    """Reads so many tokens of a prompt by itself; a word is a token."""

    def __init__(self):
        self.given = []

    def __call__(self, *, prompt, generator, max_sequence_length=5):
        self.given.append(max_sequence_length)
        return SimpleNamespace(images=[Image.effect_noise((64, 64), 50)])

    def tokenizer(self, prompts, **_):
        return {"input_ids": [prompt.split() for prompt in prompts]}


def test_prompts_are_read_to_their_end_or_it_is_said(caplog):
    pipeline, prompt = Reader(), " ".join("abcdefgh")
    DiffusersPainter(pipeline, PainterSection(path="x", batch_size=1)).paint([prompt, "a"], seeds=[1, 2])
    assert "1 of 2 prompts are longer than the 5 tokens that the painter reads (the longest has 8)" in caplog.text
    caplog.clear()
    section = PainterSection(path="x", batch_size=1, arguments={"max_sequence_length": 8})
    DiffusersPainter(pipeline, section).paint([prompt], seeds=[1])
    assert (pipeline.given, caplog.text) == ([5, 5, 8], "")

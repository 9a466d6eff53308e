"""The lens: what the VLM sees of a picture, and that nothing else sees it so."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

import viper.config
from viper.config.models import Lens, VlmSection
from viper.errors import ViperError
from viper.models.base import Chat
from viper.models.lens import look_through
from viper.models.pretrained import load_processor
from viper.models.vlm import load_vlm

DIM = Lens(contrast=0.5)


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


def section(folder, **more):
    return VlmSection(path=str(folder), device="cpu", **more)


def test_pixels_keep_a_share_of_their_distance_to_the_mean(picture):
    before, after = np.asarray(picture, float), np.asarray(look_through(DIM, picture), float)
    mean = np.asarray(picture.convert("L"), float).mean()
    assert np.abs(after - (mean + 0.5 * (before - mean))).max() <= 1
    assert look_through(DIM, picture).size == picture.size


def test_a_lens_of_full_contrast_changes_nothing(picture):
    assert look_through(Lens(contrast=1.0), picture) == picture


def test_the_vlm_sees_every_picture_through_its_lens(vlm_folder, picture):
    turned = picture.rotate(90)
    lensed = load_vlm(vlm_folder, section(vlm_folder, lens=DIM)).prepare([Chat([picture, turned], "What must change?")])
    plain = load_vlm(vlm_folder, section(vlm_folder))
    shown = plain.prepare([Chat([look_through(DIM, picture), look_through(DIM, turned)], "What must change?")])
    assert lensed["pixel_values"].equal(shown["pixel_values"])
    assert not lensed["pixel_values"].equal(
        plain.prepare([Chat([picture, turned], "What must change?")])["pixel_values"]
    )


def test_a_lens_is_not_saved_with_the_processor(vlm_folder, tmp_path):
    for name, lens in (("plain", None), ("lensed", DIM)):
        load_processor(vlm_folder, lens).save_pretrained(tmp_path / name)
    files = {
        name: {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("plain", "lensed")
    }
    assert files["plain"] == files["lensed"]


def test_a_lens_needs_an_engine_that_looks_through_it():
    with pytest.raises(ValidationError, match="lens does not go together with engine vllm"):
        section("models", lens=DIM, engine="vllm")


def test_a_phase_whose_engine_would_not_look_through_the_lens_is_refused():
    engine = "scales={micro: {training: {phases: {csr: {engine: vllm, shared_prefix: false}}}}}"
    with pytest.raises(ViperError, match=r"training.phases.csr.engine vllm does not go together with models.vlm.lens"):
        viper.config.read_run([engine])


def test_only_the_drawn_world_has_a_lens():
    scales = viper.config.read_run().scales
    assert {name for name, scale in scales.items() if scale.models.vlm.lens} == {
        name for name, scale in scales.items() if scale.evaluation.source == "world"
    }
    assert scales["smoke"].models.vlm.lens == scales["micro"].models.vlm.lens

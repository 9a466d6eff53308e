"""Photographs with every defect that folders have; the sound ones are those that scikit-image ships."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from viper.config.seeds import Seeds
from viper.errors import ViperError
from viper.synthesis.photographs import UnusablePhotographError, find_photographs, pixel_hash, read_photograph

PHOTOGRAPHS = Path(skimage.data.__file__).parent


@pytest.fixture
def seeds() -> Seeds:
    return Seeds(source="folder", paths=["*"], number=10, min_side=16, max_pixels=10_000)


def photograph(name: str) -> Image.Image:
    return Image.open(PHOTOGRAPHS / name)


@pytest.mark.parametrize(
    "name", ["astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg", "logo.png", "clock_motion.png"]
)
def test_real_photographs_become_small_rgb(seeds, name):
    image = read_photograph(PHOTOGRAPHS / name, seeds)
    assert image.mode == "RGB"
    assert image.width * image.height <= 10_000
    original = photograph(name)
    assert image.width / image.height == pytest.approx(original.width / original.height, rel=0.05)
    assert np.asarray(image).std() > 5, "not blank"


def test_image_size_crops(seeds):
    image = read_photograph(PHOTOGRAPHS / "rocket.jpg", seeds.model_copy(update={"image_size": (64, 48)}))
    assert image.size == (64, 48)


def test_exif_rotation_is_applied(seeds, tmp_path):
    upright = photograph("chelsea.png").convert("RGB").resize((120, 80))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left of upright
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image = read_photograph(tmp_path / "turned.jpg", seeds)
    assert image.size == (120, 80)
    assert np.abs(np.asarray(image, int) - np.asarray(upright, int)).mean() < 5


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16", "F"])
def test_every_mode_becomes_rgb(seeds, tmp_path, mode):
    gray = photograph("camera.png").convert("L").resize((90, 90))
    path = tmp_path / ("x.png" if mode in ("L", "LA", "RGBA", "P", "1") else "x.tif")
    if mode == "I;16":
        Image.fromarray(np.asarray(gray).astype(np.uint16) * 256).save(path)
    elif mode == "F":
        Image.fromarray(np.asarray(gray).astype(np.float32) / 255 * 4000).save(path)
    else:
        gray.convert("RGB").convert(mode).save(path)
    image = read_photograph(path, seeds)
    assert (image.mode, image.size) == ("RGB", (90, 90))
    similarity = np.corrcoef(np.asarray(image.convert("L")).ravel(), np.asarray(gray).ravel())[0, 1]
    assert similarity > (0.5 if mode == "1" else 0.95), "the picture is still the same"


def test_transparency_is_laid_on_white(seeds, tmp_path):
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_photograph(tmp_path / "clear.png", seeds).getpixel((5, 5)) == (255, 255, 255)


def _truncate(folder: Path, name: str, share: float) -> Path:
    data = (PHOTOGRAPHS / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * share)])
    return folder / name


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png"])
def test_truncated(seeds, tmp_path, name):
    with pytest.raises(UnusablePhotographError, match="truncated"):
        read_photograph(_truncate(tmp_path, name, 0.5), seeds)


def test_damaged_inside(seeds, tmp_path):
    data = bytearray((PHOTOGRAPHS / "coffee.png").read_bytes())
    data[1000:1200] = bytes(200)
    (tmp_path / "damaged.png").write_bytes(data)
    with pytest.raises(UnusablePhotographError, match="broken"):
        read_photograph(tmp_path / "damaged.png", seeds)


@pytest.mark.parametrize(
    "content", [b"", b"plain text", (PHOTOGRAPHS / "multipage_rgb.tif").read_bytes(), b"\x89PNG\r\n\x1a\n"]
)
def test_not_an_image(seeds, tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UnusablePhotographError, match=r"not an image|broken|truncated"):
        read_photograph(tmp_path / "x.png", seeds)


def test_too_small(seeds, tmp_path):
    Image.new("RGB", (400, 15)).save(tmp_path / "thin.png")
    with pytest.raises(UnusablePhotographError, match="shorter than 16"):
        read_photograph(tmp_path / "thin.png", seeds)


def test_too_many_pixels_to_decode(seeds, tmp_path, monkeypatch):
    Image.new("RGB", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnusablePhotographError, match="too many pixels"):
        read_photograph(tmp_path / "bomb.png", seeds)


def test_pixel_hash_sees_pixels_only(tmp_path):
    image = photograph("coffee.png").convert("RGB").resize((50, 40))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.tif")
    first, second = (pixel_hash(Image.open(tmp_path / name).convert("RGB")) for name in ("a.png", "b.tif"))
    assert first == second
    assert pixel_hash(Image.new("RGB", (4, 2))) != pixel_hash(Image.new("RGB", (2, 4)))


def test_find_photographs(tmp_path):
    for name in ("b.jpg", "a.jpg", "deep/c.jpg", "deep/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_photographs([f"{tmp_path}/**/*.jpg", f"{tmp_path}/a.*"])
    assert [path.name for path in found] == ["a.jpg", "b.jpg", "c.jpg"]
    with pytest.raises(ViperError, match=r"nowhere/\*\.jpg.*correct"):
        find_photographs(["nowhere/*.jpg"])

"""Photographs with every defect that folders have; the sound ones are those that scikit-image ships."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from viper.config.images import Images
from viper.errors import ViperError
from viper.synthesis.photographs import (
    UnusablePhotographError,
    find_photographs,
    is_plain,
    mark,
    pixel_hash,
    printable,
    read_photograph,
)

PHOTOGRAPHS = Path(skimage.data.__file__).parent


@pytest.fixture
def seeds() -> Images:
    return Images(source="folder", paths=["*"], number=10, min_side=16, max_pixels=10_000)


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
    with pytest.raises(ViperError, match="names no file"):
        find_photographs([f"{tmp_path}/dee*"])


# --- names -----------------------------------------------------------------------------------------------------------

ODD_NAMES = ["{a}.jpg", "{{a}}.jpg", "{.jpg", "new\nline.jpg", "bell\a.jpg", os.fsdecode(b"caf\xe9.jpg"), "\u202eg.jpg"]
PLAIN_NAMES = [
    "a b.jpg",
    'it\'s "x".jpg',
    "$(touch x).jpg",
    "[1].jpg",
    "*.jpg",
    "?.jpg",
    "`x`;y.jpg",
    "é☃.jpg",
    "-r.jpg",
]


def test_a_name_with_glob_characters_is_found_by_itself(tmp_path):
    for name in ("[1].jpg", "1.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in find_photographs([f"{tmp_path}/[1].jpg"])] == ["1.jpg", "[1].jpg"]


def test_what_is_no_file_is_found_to_be_counted(tmp_path, seeds):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "x.jpg").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = find_photographs([f"{tmp_path}/**"])
    assert [path.name for path in found] == ["a.jpg", "dangling.jpg", "loop.jpg", "pipe.jpg", "x.jpg"]
    for path in found[1:]:
        assert not is_plain(path)
        with pytest.raises(UnusablePhotographError, match=r"^not a file$"):
            read_photograph(path, seeds)


@pytest.mark.parametrize("name", [*ODD_NAMES, *PLAIN_NAMES, "x" * 251 + ".jpg"])
def test_any_name_can_be_found_read_and_written_down(tmp_path, seeds, name):
    photograph("chelsea.png").save(tmp_path / name, "JPEG")
    (path,) = find_photographs([f"{tmp_path}/*"])
    assert read_photograph(path, seeds).mode == "RGB"
    assert is_plain(path) == (name not in ODD_NAMES)
    shown = printable(path.name)
    assert shown.isprintable()
    assert shown.encode("utf-8")
    assert (shown == name) == (name in PLAIN_NAMES or "{" in name or name.startswith("x"))
    assert mark(path) == mark(path)
    before = mark(path)
    photograph("coffee.png").save(tmp_path / name, "JPEG")
    assert mark(path) != before


@settings(max_examples=100)
@given(st.binary(min_size=1, max_size=30))
def test_printable_shows_any_bytes(name):
    shown = printable(os.fsdecode(name))
    assert shown.isprintable()
    assert shown.encode("utf-8").decode("unicode_escape", "ignore") is not None
    assert "\\x" in shown or shown == os.fsdecode(name)


# --- shapes, values, EXIF --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(33, 8_000), (8_000, 33), (100, 19_999)])  # the last is longer once it is scaled down
def test_too_long_for_the_models_processor(seeds, tmp_path, size):
    Image.new("RGB", size, "red").save(tmp_path / "long.png")
    with pytest.raises(UnusablePhotographError, match="more than 200 times as long as wide"):
        read_photograph(tmp_path / "long.png", seeds)
    cropped = read_photograph(tmp_path / "long.png", seeds.model_copy(update={"image_size": (64, 64)}))
    assert cropped.size == (64, 64)


def _float_tiff(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values.astype(np.float32)).save(path)
    return path


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 3e38])
def test_values_that_are_no_numbers_leave_the_picture_as_it_is(seeds, tmp_path, odd):
    values = np.asarray(photograph("camera.png").convert("L").resize((90, 90)), dtype=np.float32)
    sound = np.asarray(read_photograph(_float_tiff(tmp_path / "sound.tif", values), seeds))
    values[0, 0] = odd
    image = np.asarray(read_photograph(_float_tiff(tmp_path / "odd.tif", values), seeds))
    assert image[0, 0].tolist() == ([255] * 3 if odd > 0 else [0] * 3)
    if not np.isfinite(odd):
        assert (image[1:] == sound[1:]).all()


def test_a_picture_without_any_number_is_refused(seeds, tmp_path):
    with pytest.raises(UnusablePhotographError, match="no finite value"):
        read_photograph(_float_tiff(tmp_path / "x.tif", np.full((40, 40), np.nan)), seeds)


def _exif(*tags: tuple[int, int, int, bytes], cut: int | None = None) -> bytes:
    """EXIF data of tags (number, type, count, four bytes of value), cut off after `cut` bytes."""
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    return b"Exif\0\0" + (b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4))[:cut]


@pytest.mark.parametrize(
    ("exif", "turned"),
    [
        (_exif((0x112, 3, 1, b"\6\0\0\0")), True),
        (_exif((0x112, 3, 1, b"\6\0\0\0"), (0x100, 2, 4, b"abc\0")), True),  # a width that is a text
        (_exif((0x112, 2, 4, b"abc\0")), False),
        (_exif((0x112, 11, 1, struct.pack("<f", 6.0))), True),
        (_exif((0x112, 3, 1000, b"\xff\xff\0\0")), False),
        (_exif((0x112, 3, 1, b"\x63\0\0\0")), False),
        (_exif((0x112, 99, 1, b"\6\0\0\0")), False),
        (_exif((0x112, 3, 1, b"\6\0\0\0"), cut=14), False),
        (_exif(cut=5), False),
        (b"Exif\0\0", False),
        (b"Exif\0\0not EXIF at all", False),
    ],
)
def test_damaged_exif_leaves_the_picture_as_stored(seeds, tmp_path, exif, turned):
    photograph("chelsea.png").convert("RGB").resize((120, 80)).save(tmp_path / "x.jpg", exif=exif)
    assert read_photograph(tmp_path / "x.jpg", seeds).size == ((80, 120) if turned else (120, 80))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x112, 0x100, 0x8769, 0x8825, 0x201, 0x11A]),
            st.integers(0, 20),
            st.integers(0, 2**32 - 1) | st.integers(0, 5),
            st.binary(min_size=4, max_size=4),
        ),
        max_size=5,
    ),
    st.none() | st.integers(0, 60),
)
def test_no_exif_stops(tmp_path_factory, tags, cut):
    path = tmp_path_factory.getbasetemp() / "exif.jpg"
    Image.new("RGB", (40, 30)).save(path, exif=_exif(*tags, cut=cut))
    image = read_photograph(path, Images(source="folder", paths=["*"], number=1, min_side=16))
    assert sorted(image.size) == [30, 40]


@pytest.mark.parametrize("mode", ["LAB", "YCbCr"])
def test_other_color_spaces_are_converted(seeds, tmp_path, mode):
    photograph("chelsea.png").convert("RGB").resize((60, 60)).convert(mode).save(tmp_path / "x.tif")
    image = read_photograph(tmp_path / "x.tif", seeds)
    assert (image.mode, image.size) == ("RGB", (60, 60))

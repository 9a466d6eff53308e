"""The opener of pictures: what it takes, what it refuses, and that nothing else in the project opens one."""

import ast
import io
import os
import random
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from viper.pictures import FORMATS, MAX_PIXELS, PictureError, open_picture, read_picture

SOURCE = Path(__file__).parents[1] / "src"
OPENERS = {"open", "imread", "read_image", "decode_image", "load_image", "fromstring"}
LIBRARIES = ("PIL", "matplotlib.image", "skimage", "imageio", "cv2", "torchvision.io", "transformers.image_utils")


def encoded(format: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(size)
    Image.merge("RGB", [gradient, gradient.transpose(Image.Transpose.ROTATE_180), gradient]).save(buffer, format)
    return buffer.getvalue()


def png(width: int, height: int, rows: int) -> bytes:
    """A PNG whose header says width × height, and whose data hold `rows` rows of black."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes((1 + 3 * width) * rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", [*FORMATS, "MPO"])
def test_formats_of_photographs_are_read(format):
    image = read_picture(encoded(format))
    assert (image.mode, image.size) == ("RGB", (40, 30))


@pytest.mark.parametrize("format", ["EPS", "TGA", "PCX", "ICO", "SGI", "JPEG2000", "DDS"])
def test_other_formats_are_not_even_tried(format, tmp_path, monkeypatch):
    import subprocess

    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    (tmp_path / "x.jpg").write_bytes(encoded(format))
    for source in (tmp_path / "x.jpg", encoded(format)):
        with pytest.raises(PictureError, match="not an image") as caught:
            read_picture(source)
        assert caught.value.reason == "not an image"


@pytest.mark.parametrize(("width", "height"), [(13_000, 13_000), (MAX_PIXELS + 1, 1), (30_000, 30_000)])
def test_pixels_are_bounded_before_they_are_decoded(width, height):
    content = png(width, height, rows=1)
    tracemalloc.start()
    with pytest.raises(PictureError, match="row 7: too many pixels"):
        read_picture(content, "row 7")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


def test_a_phones_photograph_is_within_bounds():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_picture(png(9248, 6936, rows=1)) as image:
            assert image.size == (9248, 6936)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    for name in ("pipe.jpg", "folder.jpg", "dangling.jpg", "absent.jpg", "x" * 300, "a\0b"):
        with pytest.raises(PictureError) as caught:
            read_picture(tmp_path / name)
        assert caught.value.reason == "not a file"


def test_a_file_of_any_size_is_not_read_whole(tmp_path):
    with (tmp_path / "huge.webp").open("wb") as file:
        file.write(encoded("WEBP"))
        file.truncate(2**31)  # takes no room on the disk
    with pytest.raises(PictureError, match="larger than 1024 MiB"):
        read_picture(tmp_path / "huge.webp")


def test_a_closed_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(encoded("PNG"))

    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", closed)
    with pytest.raises(PictureError, match=r"x\.png: cannot be read"):
        read_picture(tmp_path / "x.png")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.randoms(use_true_random=False), st.booleans())
def test_damage_is_one_kind_of_error(format, dice: random.Random, cut):
    content = bytearray(encoded(format))
    if cut:
        content = content[: dice.randrange(len(content))]
    for _ in range(dice.randrange(20)):
        if content:
            content[dice.randrange(min(len(content), 300))] = dice.randrange(256)
    try:
        outcome = read_picture(bytes(content)).mode
    except PictureError as error:
        outcome = error.reason
    assert outcome in ("RGB", "not an image", "truncated", "broken", "too many pixels to decode safely")


def test_nothing_else_in_the_project_opens_a_picture():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {}  # local name → module of a library of pictures
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {(one.asname or one.name).partition(".")[0]: one.name for one in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                modules |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        modules = {name: module for name, module in modules.items() if module.startswith(LIBRARIES)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in OPENERS:
                root = node.value
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and (root.id in modules or node.attr == "imread"):
                    found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
            if isinstance(node, ast.Name) and node.id in modules and modules[node.id].rpartition(".")[2] in OPENERS:
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert {line.partition(":")[0] for line in found} == {"viper/pictures.py"}, found

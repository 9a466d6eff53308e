"""Cold-start samples: written from the truth, or imported from a file."""

import base64
import io
import json
import re

import pytest
from datasets import load_dataset
from PIL import Image

from microworld.base_models.tasks import CLOSER_LOOK
from microworld.parse import parse_operation, parse_refinement, sentences_of
from viper import completion
from viper.config.training import ColdStart
from viper.errors import ViperError
from viper.manifest import sha256
from viper.training.cold_start import write_samples


def test_truth_gives_parsable_answers_and_the_same_bytes_twice(tmp_path):
    section = ColdStart(source="truth", samples=40)
    for name in ("a", "b"):
        write_samples(section, seed=5, out=tmp_path / f"{name}.parquet")
    assert sha256(tmp_path / "a.parquet") == sha256(tmp_path / "b.parquet")
    rows = load_dataset("parquet", data_files=str(tmp_path / "a.parquet"), split="train")
    assert len(rows) == 40
    assert {len(row["images"]) for row in rows} == {1, 2}
    for row in rows:
        answer = row["completion"].split("<answer>")[1].removesuffix("</answer>").strip()
        parse = parse_refinement if len(row["images"]) == 1 else parse_operation
        assert all(parse(sentence) for sentence in sentences_of(answer)), answer
        thought = completion.reasoning(row["completion"])
        assert thought.startswith(CLOSER_LOOK)
        assert re.search(r": .+ (yes|no)\.", thought), "a note: said, seen, the same?"


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ColdStart(source=str(path), samples=len(rows))


def test_imports_images_by_path_and_by_content(tmp_path):
    Image.new("L", (5, 7)).save(tmp_path / "gray.png")
    buffer = io.BytesIO()
    Image.new("RGB", (9, 8)).save(buffer, "JPEG")
    images = ["gray.png", base64.b64encode(buffer.getvalue()).decode()]
    section = jsonl(tmp_path / "cold.jsonl", {"prompt": "What?", "images": images, "completion": "That."})
    write_samples(section, seed=0, out=tmp_path / "train.parquet")
    row = load_dataset("parquet", data_files=str(tmp_path / "train.parquet"), split="train")[0]
    assert [(image.mode, image.size) for image in row["images"]] == [("RGB", (5, 7)), ("RGB", (9, 8))]
    assert (row["prompt"], row["completion"]) == ("What?", "That.")


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path):
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    lines = [json.dumps({"prompt": f"{n}?", "images": ["a.png"], "completion": "é", "more": n}) for n in range(3)]
    (tmp_path / "cold.jsonl").write_bytes(b"\xef\xbb\xbf" + "\n \r\n".join(lines).encode())
    section = ColdStart(source=str(tmp_path / "cold.jsonl"), samples=2)
    write_samples(section, seed=0, out=tmp_path / "train.parquet")
    rows = load_dataset("parquet", data_files=str(tmp_path / "train.parquet"), split="train")
    assert [(row["prompt"], row["completion"]) for row in rows] == [("0?", "é"), ("1?", "é")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "What?", "completion": "That."}, "line 1: images: Field required"),
        ({"prompt": "What?", "completion": "", "images": ["a.png"]}, "line 1: completion: String should have at least"),
        ({"prompt": "", "completion": "That.", "images": ["a.png"]}, "line 1: prompt: String should have at least"),
        ({"prompt": 5, "completion": "That.", "images": ["a.png"]}, "line 1: prompt: Input should be a valid string"),
        ({"prompt": "What?", "completion": ["That."], "images": ["a.png"]}, "line 1: completion: Input should be a"),
        ({"prompt": "What?", "completion": "That.", "images": []}, "line 1: images: List should have at least 1"),
        ({"prompt": "What?", "completion": "That.", "images": 5}, "line 1: images: Input should be a valid array"),
        ({"prompt": "What?", "completion": "That.", "images": {"a.png": 1}}, "line 1: images: Input should be a valid"),
        ({"prompt": "What?", "completion": "That.", "images": "a.png"}, "line 1: images: Input should be a valid"),
        ({"prompt": "\ud800", "completion": "That.", "images": ["a.png"]}, "line 1: Invalid JSON"),
        ({"prompt": "What?", "completion": "That.", "images": ["nowhere.png"]}, "neither a file in"),
        ({"prompt": "What?", "completion": "That.", "images": ["bm9wZQ=="]}, "cannot be read"),
        (["What?"], "line 1: Input should be an object"),
        ({"prompt": "What?", "completion": "That.", "images": ["é" * 3000]}, "neither a file in"),
        ({"prompt": "What?", "completion": "That.", "images": ["a" * 3000]}, "cannot be read: not an image"),
        (
            {"prompt": "What?", "completion": "That.", "images": [7]},
            r"line 1: images\.0: Input should be a valid string",
        ),
        ({"prompt": "What?", "completion": "That.", "images": ["a\0.png"]}, "neither a file in"),
    ],
)
def test_bad_lines_are_named(tmp_path, row, message):
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    with pytest.raises(ViperError, match=message) as caught:
        write_samples(jsonl(tmp_path / "cold.jsonl", row), seed=0, out=tmp_path / "train.parquet")
    assert "cold.jsonl, line 1" in str(caught.value)
    assert not (tmp_path / "train.parquet").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"prompt": "caf\xe9"}', "cold.jsonl: not UTF-8 text"),
        (b"prompt", "line 4: Invalid JSON"),
        (b'{"prompt": ' + b"[" * 50_000, "line 4: Invalid JSON: recursion limit"),
        (b'{"prompt": ' + b"1" * 5000 + b"}", "line 4: Invalid JSON: number out of range"),
        (b'{"prompt": "What?", "completion": "That.", "images": ["none.png"]}', "line 4: image 'none.png' is neither"),
    ],
)
def test_what_is_no_line_is_named_below_blank_ones(tmp_path, line, message):
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    section = jsonl(tmp_path / "cold.jsonl", {"prompt": "What?", "images": ["a.png"], "completion": "That."})
    with (tmp_path / "cold.jsonl").open("ab") as file:
        file.write(b"\n  \n" + line + b"\n")
    with pytest.raises(ViperError, match=message) as caught:
        write_samples(section.model_copy(update={"samples": 2}), seed=0, out=tmp_path / "train.parquet")
    assert "training.cold_start.source" in str(caught.value)
    assert not (tmp_path / "train.parquet").exists()


def test_too_few_samples_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ViperError, match="no cold-start samples"):
        write_samples(ColdStart(source=str(tmp_path / "none.jsonl")), seed=0, out=tmp_path / "train.parquet")
    Image.new("RGB", (5, 7)).save(tmp_path / "a.png")
    section = jsonl(tmp_path / "cold.jsonl", {"prompt": "What?", "images": ["a.png"], "completion": "That."})
    with pytest.raises(ViperError, match="has 1 samples"):
        write_samples(section.model_copy(update={"samples": 2}), seed=0, out=tmp_path / "train.parquet")

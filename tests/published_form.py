"""Small files in the form in which the official benchmarks are published: their columns, and what is odd about them.

MMStar, RealWorldQA and MMVP have one picture a row; BLINK several in one cell; HallusionBench rows without a picture;
CRPE pictures that it only names, as COCO does; MME-RealWorld chunks of JSON, its Lite version options as a list;
Mantis-Eval a Parquet file.
"""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from viper.evaluation import mme_realworld

COCO, ABNORMAL = "coco/val2017/000000000139.jpg", "abnormal_images/3.jpg"  # as CRPE's table names them
OPTIONS = dict(zip("ABCD", ("a red cup", "a blue cup", "None", "3"), strict=True))


def picture(color: str, format: str = "JPEG", size: tuple[int, int] = (60, 40)) -> bytes:
    """A picture of one color."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, format)
    return buffer.getvalue()


def encoded(color: str, format: str = "JPEG") -> str:
    """The same in base64."""
    return base64.b64encode(picture(color, format)).decode()


def mmstar() -> list[dict]:
    """Its questions repeat the options, and l2_category is written with an underscore."""
    return [
        {"index": n, "question": f"Which cup {n}?\nOptions: A: a red cup, B: a blue cup", "image": encoded(color),
         **OPTIONS, "answer": "AB"[n % 2], "category": "coarse perception", "l2_category": "image scene",
         "bench": "SEEDBench"}
        for n, color in enumerate(("red", "blue", "green"))
    ]  # fmt: skip


def realworldqa() -> list[dict]:
    """Options that some rows lack, and a picture that is that of an earlier row, by its index."""
    rows = [
        {"index": n, "image": encoded("red", "WEBP"), "question": "Which way?", "A": "Left", "B": "Right",
         "C": "Straight" if n else "", "answer": "B", "category": "RealWorldQA"}
        for n in range(3)
    ]  # fmt: skip
    return [*rows, {**rows[0], "index": 3, "image": "0"}]


def blink() -> list[dict]:
    """Two to four pictures in one cell, as Python writes a list."""
    colors = ("red", "green", "blue", "white")
    return [
        {"index": n, "image": str([encoded(color) for color in colors[: 2 + n]]), "question": "Which is brighter?",
         "A": "the first", "B": "the second", "answer": "A", "category": "Relative_Reflectance", "split": "val"}
        for n in range(3)
    ]  # fmt: skip


def hallusionbench() -> list[dict]:
    """Two sets of figures; each has questions that are asked without a picture too."""
    rows = []
    for group in range(2):
        for figure in (0, 1):
            for question in (0, 1):
                rows.append(
                    {"index": f"{'VD' if figure else 'VS'}_chart_{group}_{group}_{figure}_{question}",
                     "image": encoded("white", "PNG") if figure else "", "question": "Is it rising?",
                     "answer": "No" if question else "Yes", "category": "VD", "l2-category": "chart", "split": ""}
                )  # fmt: skip
    return rows


def crpe() -> list[dict]:
    """No pictures, but their names; each item with its options turned three times."""
    rows = []
    for item, name in enumerate((COCO, ABNORMAL)):
        for turn in range(4):
            names = ("cup", "dog", "hat", "car")[turn:] + ("cup", "dog", "hat", "car")[:turn]
            lines = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", names, strict=True))
            right = "ABCD"[names.index("cup")]
            rows.append(
                {"index": 4 * item + turn, "image_path": name, "question": f"What is on the table?\n{lines}",
                 "answer": f"{right}. cup", "category": "object"}
            )  # fmt: skip
    return rows


def mmvp() -> list[dict]:
    """Pairs of pictures that are asked the same."""
    return [
        {"index": n, "image": encoded(("black", "white")[n % 2], "PNG"), "question": f"Is cup {n // 2} dark?",
         "A": "yes", "B": "no", "answer": "AB"[n % 2], "category": ""}
        for n in range(4)
    ]  # fmt: skip


def mme_realworld_items(count: int = 5) -> list[dict]:
    """Items of its chunks."""
    return [
        {"index": n, "image": encoded(("red", "blue")[n % 2]), "question": f"How many, in {n}?\r",
         "multi-choice options": [f"({letter}) {n + place}" for place, letter in enumerate("ABCD")]
         + ["(E) The image does not feature it."],
         "answer": "ABCDE"[n % 5], "category": "Perception/Remote Sensing", "l2-category": "count", "more": None}
        for n in range(count)
    ]  # fmt: skip


def mme_realworld_lite() -> list[dict]:
    """Its options are a list in a cell."""
    return [
        {
            name: str(item[name]).rstrip("\r")
            for name in ("index", "image", "question", "multi-choice options", "answer", "category")
        }
        | {"l2-category": item["l2-category"]}
        for item in mme_realworld_items(3)
    ]


def mantis() -> list[dict]:
    """Rows of its Parquet file."""

    def image(color: str) -> dict:
        return {"bytes": picture(color), "path": None}

    return [
        {"id": "mantis_eval_0", "question_type": "multi-choice", "question": "<image> <image> Which is redder?",
         "images": [image("red"), image("blue")], "options": ["(A) the first", "(B) the second"], "answer": "A",
         "data_source": "web", "category": "comparison"},
        {"id": "mantis_eval_1", "question_type": "short-answer", "question": "<image> How many?",
         "images": [image("green")], "options": [], "answer": "2", "data_source": "web", "category": "counting"},
    ]  # fmt: skip


TABLES = {
    "MMStar": mmstar, "RealWorldQA": realworldqa, "BLINK": blink, "HallusionBench": hallusionbench,
    "CRPE_RELATION": crpe, "MMVP": mmvp, "MME-RealWorld-Lite": mme_realworld_lite,
}  # fmt: skip


def write_table(path: Path, rows: list[dict]) -> Path:
    """Write a table as VLMEvalKit's authors do."""
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)
    return path


def write_chunks(folder: Path, count: int = 23, chunks: int = 9) -> list[Path]:
    """Write the chunks of MME-RealWorld, each a JSON list of some items in a row."""
    items, paths = mme_realworld_items(count), [folder / name for name in mme_realworld.CHUNKS[:chunks]]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(items[number * count // chunks : (number + 1) * count // chunks]))
    return paths


def write_all(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every benchmark as a table, as it is fetched; CRPE's pictures beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in TABLES.items():
        yield name, write_table(folder / f"{name}.tsv", rows())
    write_pictures(folder / "images/CRPE_RELATION")
    path = folder / "MME-RealWorld.tsv"
    mme_realworld.write_table(write_chunks(folder / "chunks"), path)
    yield "MME-RealWorld", path
    from viper.evaluation.mantis_table import convert

    pd.DataFrame(mantis()).to_parquet(folder / "mantis.parquet")
    convert([folder / "mantis.parquet"], folder / "Mantis-Eval.tsv")
    yield "Mantis-Eval", folder / "Mantis-Eval.tsv"


def write_pictures(folder: Path) -> None:
    """The pictures that CRPE's table names."""
    for name, color in ((COCO, "red"), (ABNORMAL, "blue")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(color))

"""The official benchmarks in their published form, a few items each: true columns, order of columns, and oddities.

What the files look like is known from VLMEvalKit's reader of each (ms-vlmeval 0.0.20) and their pages on the hub;
questions, answers and pictures are made up here.
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

from rehearsal import photographs

ITEMS = 4  # of most benchmarks
MME_SUBTASKS = [
    ("Perception/OCR with Complex Context", "advert & product"),
    ("Perception/Remote Sensing", "count"),
    ("Reasoning/Monitoring", "calculate"),
    ("Reasoning/Autonomous_Driving", "intention"),
]
MME_CHUNKS = 9
CRPE_PICTURES = ["coco/val2017/000000000139.jpg", "abnormal_images/1.jpg"]


def encoded(picture: Image.Image, kind: str = "JPEG") -> str:
    """A picture in base64, as the cells hold it."""
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def pictures(number: int) -> list[Image.Image]:
    """Photographs turned left to right: as they are, those that the loop starts from would be left out as theirs."""
    return list(map(ImageOps.mirror, photographs.pictures(number)))


def _small(number: int) -> list[Image.Image]:
    return [picture.resize((picture.width // 2, picture.height // 2)) for picture in pictures(number)]


def mmstar() -> list[dict]:
    """Options stand in the question too; six categories, two items of each, as an interval needs."""
    topics = ["coarse perception", "fine-grained perception", "instance reasoning", "logical reasoning",
              "science & technology", "math"] * 2  # fmt: skip
    return [
        {
            "index": number,
            "question": f"What is in the middle of picture {number}?\nOptions: A: a cat, B: a cup, C: None, D: 3",
            "image": encoded(picture),
            "answer": "ABCD"[number % 4],
            "category": topic,
            "l2_category": "image scene and topic",
            "bench": "MMBench",
            "A": "a cat", "B": "a cup", "C": "None", "D": "3",
        }
        for number, (picture, topic) in enumerate(zip(_small(len(topics)), topics, strict=True))
    ]  # fmt: skip


def realworldqa() -> list[dict]:
    """Fewer options in some rows; large pictures."""
    return [
        {
            "index": number,
            "image": encoded(picture),
            "question": "In which direction is the vehicle?",
            "answer": "B",
            "A": "Left", "B": "Right", "C": "" if number % 2 else "Straight", "D": "",
            "category": "RealWorldQA",
        }
        for number, picture in enumerate(pictures(ITEMS))
    ]  # fmt: skip


def blink() -> list[dict]:
    """Several pictures in one cell, as a list; options that are letters of pictures."""
    small = _small(9)
    return [
        {
            "index": number,
            "question": "Which picture is the second one most similar to?",
            "A": "the second image", "B": "the third image", "C": "", "D": "",
            "answer": "A",
            "category": "Visual_Similarity" if number else "Counting",
            "image": str([encoded(each, "PNG") for each in small[2 * number : 2 * number + 1 + number % 3]])
            if number
            else encoded(small[0]),
        }
        for number in range(ITEMS)
    ]  # fmt: skip


def hallusionbench() -> list[dict]:
    """Rows without a picture (VS_…_0_…), which VLMEvalKit leaves out; sets of figures and questions in the index."""
    small = _small(3)
    rows = []
    for kind, figure, question in [("VD_illusion", 0, 0), ("VD_illusion", 0, 1), ("VD_illusion", 1, 0),
                                   ("VS_chart", 0, 0), ("VS_chart", 1, 0), ("VD_video", 1, 1)]:  # fmt: skip
        has_none = kind.startswith("VS") and figure == 0
        rows.append(
            {
                "index": f"{kind}_0_0_{figure}_{question}",
                "category": kind[:2],
                "l2-category": kind[3:],
                "question": "Is the left circle larger than the right one? Answer in one word: Yes or No.",
                "answer": "Yes" if question else "No",
                "image": "" if has_none else encoded(small[figure]),
                "image_path": "" if has_none else f"{kind}/0_{figure}.png",
            }
        )
    return rows


def crpe() -> list[dict]:
    """Each question four times with its options turned; pictures by their paths in COCO and in the set itself."""
    rows = []
    for item, picture in enumerate(CRPE_PICTURES):
        for turn in range(4):
            words = ["standing on", "holding", "wearing", "riding"]
            words = words[turn:] + words[:turn]
            options = "\n".join(f"{letter}. {word}" for letter, word in zip("ABCD", words, strict=True))
            letter = "ABCD"[words.index("holding")]
            rows.append(
                {
                    "index": 4 * item + turn,
                    "image_path": picture,
                    "question": f"What is the man doing with the cup?\n{options}\n"
                    "Answer with the option's letter from the given choices directly.",
                    "category": "predicate",
                    "answer": f"{letter}. holding",
                }
            )
    return rows


def mmvp() -> list[dict]:
    """Pairs of rows that ask the same of two pictures."""
    return [
        {
            "index": number + 1,
            "question": "Is the door open or closed?" if number < 2 else "How many wheels can be seen?",
            "A": "Open", "B": "Closed",
            "answer": "AB"[number % 2],
            "category": "MMVP",
            "image": encoded(picture),
        }
        for number, picture in enumerate(_small(ITEMS))
    ]  # fmt: skip


VLMEVAL = "web/utils/VLMEval"  # the folder of VLMEvalKit's own host
# Benchmark → its rows, and the folder in which its table is served
TABLES: dict[str, tuple[Callable[[], list[dict]], str]] = {
    "MMStar": (mmstar, VLMEVAL),
    "RealWorldQA": (realworldqa, VLMEVAL),
    "BLINK": (blink, VLMEVAL),
    "HallusionBench": (hallusionbench, VLMEVAL),
    "MMVP": (mmvp, VLMEVAL),
    "CRPE_RELATION": (crpe, "datasets/petter12321/crpe_vlmevalkit"),
}


def write_tables(root: Path) -> dict[str, str]:
    """One TSV a benchmark of TABLES, as their hosts have them; return the MD5 of each."""
    digests = {}
    for name, (rows, folder) in TABLES.items():
        path = root / folder / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows()).to_csv(path, sep="\t", index=False)
        digests[name] = hashlib.md5(path.read_bytes()).hexdigest()
    return digests


def write_crpe_pictures(root: Path) -> None:
    """CRPE's pictures: of COCO on its own host, the unusual ones in the authors' data set."""
    folders = ["web", "datasets/OpenGVLab/CRPE"]
    for name, folder, picture in zip(CRPE_PICTURES, folders, _small(2), strict=True):
        path = root / folder / name.removeprefix("coco/")
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def write_mme_realworld(folder: Path) -> None:
    """The hub repository of MME-RealWorld: nine chunks of JSON and no table."""
    picture = iter(_small(MME_CHUNKS))
    chunks = folder / "MME-RealWorld"
    chunks.mkdir(parents=True, exist_ok=True)
    for chunk in range(MME_CHUNKS):
        category, finer = MME_SUBTASKS[chunk % len(MME_SUBTASKS)]
        item = {
            "index": chunk,
            "image": encoded(next(picture)),
            "question": "What does the sign say?",
            "multi-choice options": [f"({letter}) {text}" for letter, text in zip(
                "ABCDE", ["OPEN", "SALE", "3", "None", "The image does not feature the text."], strict=True)],
            "answer": "ABCDE"[chunk % 5],
            "category": category,
            "l2-category": finer,
        }  # fmt: skip
        (chunks / f"MME_RealWorld_base64_{chunk}.json").write_text(json.dumps([item]), encoding="utf-8")
    (folder / "README.md").write_text("MME-RealWorld\n", encoding="utf-8")


def write_mantis(folder: Path) -> None:
    """The hub repository of Mantis-Eval: Parquet, pictures as bytes with names, options with their letters or none."""
    folder = folder / "mantis_eval"
    folder.mkdir(parents=True, exist_ok=True)
    small = _small(2 * ITEMS)
    rows = []
    for number in range(ITEMS):
        contents = [base64.b64decode(encoded(each, "PNG" if number else "JPEG")) for each in small[number : number + 2]]
        is_choice = number != 2
        rows.append(
            {
                "id": f"mantis_eval_{number}",
                "question_type": "multi-choice" if is_choice else "short-answer",
                "question": "<image> <image> What is different?" if is_choice else "How many cups are in <image>?",
                "images": [{"bytes": each, "path": f"image{place}.jpg"} for place, each in enumerate(contents)],
                "options": ["(A) The color", "(B) The number", "(C) The place"] if is_choice else [],
                "answer": "B" if is_choice else "two",
                "data_source": "mantis",
                "category": "Difference",
            }
        )
    pd.DataFrame(rows).to_parquet(folder / "test-00000-of-00001.parquet")

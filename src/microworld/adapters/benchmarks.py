"""Writing a benchmark of the micro world as the TSV that VLMEvalKit reads."""

import base64
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from microworld.benchmarks import BENCHMARKS, find
from microworld.benchmarks.benchmark import Question
from microworld.draw import render
from microworld.scene import Scene
from viper.files import write_table
from viper.pictures import png


def draw_groups(name: str, seed: int, size: int, pictures: str) -> list[list[Question]]:
    """Groups of questions, at least `size` rows in all, categories in turn so that each has the same number.

    Equal arguments give equal questions; different benchmarks of one seed do not share their random stream.

    Raises:
        ViperError: unknown benchmark.
    """
    benchmark = find(name)
    kinds = list(benchmark.generators)
    categories = benchmark.categories
    rng = np.random.default_rng([seed, list(BENCHMARKS).index(name)])
    groups: list[list[Question]] = []
    count = -(-size // benchmark.group_size)
    # Within a category, its kinds of question in turn as well.
    turns = {category: [kind for kind in kinds if kind[0] == category] for category in categories}
    for number in tqdm(range(count), desc=name, unit="group", mininterval=2):
        category = categories[number % len(categories)]
        kind = turns[category][number // len(categories) % len(turns[category])]
        groups.append(benchmark.sample_group(rng, kind, split=pictures))
    return groups


def table(groups: list[list[Question]]) -> pd.DataFrame:
    """One row per question, with the columns that the benchmark's VLMEvalKit class reads."""
    return pd.DataFrame(
        [
            _row(question, number, len(group), turn)
            for number, group in enumerate(groups)
            for turn, question in enumerate(group)
        ],
        dtype=object,
    )


def write(name: str, seed: int, size: int, pictures: str, output: Path) -> int:
    """Draw a benchmark and write it to `output`; return the number of rows.

    Raises:
        ViperError: unknown benchmark.
    """
    rows = table(draw_groups(name, seed, size, pictures))
    write_table(output, rows)
    return len(rows)


def _row(question: Question, number: int, group_size: int, turn: int) -> dict:
    row = {
        "index": number * group_size + turn,
        "image": _images(question.scenes),
        "question": find(question.benchmark).text(question),
        "answer": question.answer,
        "category": question.category,
        "l2-category": question.l2_category,
    }
    return row | find(question.benchmark).columns(question, number)


def _images(scenes: tuple[Scene, ...]) -> str:
    """One picture as base64 PNG; several as the list of them, as VLMEvalKit has it."""
    encoded = [base64.b64encode(png(render(scene))).decode() for scene in scenes]
    return encoded[0] if len(encoded) == 1 else str(encoded)

"""Writing a benchmark of the micro world as the TSV that VLMEvalKit reads."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from microworld.benchmarks import BENCHMARKS, admission, find
from microworld.benchmarks.benchmark import Keys, Question
from microworld.draw import render
from microworld.scene import Scene
from viper.config.evaluation import Split
from viper.files import write_table
from viper.pictures import png
from viper.synthesis.rows import row_seed


def draw_groups(
    name: str, seed: int, size: int, pictures: str, kinds: Sequence[Keys] | None = None
) -> list[list[Question]]:
    """`size` groups of questions that are scored together, categories in turn so that each has the same number.

    Equal arguments give equal questions; different benchmarks of one seed do not share their random stream.

    Args:
        kinds: the kinds of question that are asked; None: every one that there is.

    Raises:
        ViperError: unknown benchmark.
    """
    benchmark = find(name)
    kinds = list(benchmark.generators) if kinds is None else kinds
    # Within a category, its kinds of question in turn as well.
    turns = {category: [kind for kind in kinds if kind[0] == category] for category, _ in kinds}
    categories = list(turns)
    rng = np.random.default_rng([seed, list(BENCHMARKS).index(name)])
    groups: list[list[Question]] = []
    for number in tqdm(range(size), desc=name, unit="group", mininterval=2):
        of_category = turns[categories[number % len(categories)]]
        kind = of_category[number // len(categories) % len(of_category)]
        groups.append(benchmark.sample_group(rng, kind, split=pictures))
    return groups


def draw_each_kind(name: str, seed: int, size: int, pictures: str) -> list[list[Question]]:
    """`size` groups of every kind of question; a kind's are the same whatever other kinds there are.

    Raises:
        ViperError: unknown benchmark.
    """
    benchmark = find(name)
    streams = {kind: np.random.default_rng(row_seed(seed, name, "/".join(kind))) for kind in benchmark.generators}
    return [benchmark.sample_group(rng, kind, split=pictures) for kind, rng in streams.items() for _ in range(size)]


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


def write(name: str, split: Split, output: Path, *, admitted_only: bool) -> None:
    """Draw a benchmark into a TSV.

    Args:
        admitted_only: ask no other kinds of question than those that are admitted.

    Raises:
        ViperError: unknown benchmark, or none of its kinds of question is admitted.
    """
    kinds = admission.admitted(name) if admitted_only else None
    write_table(output, table(draw_groups(name, split.seed, split.size, split.pictures, kinds)))


def write_each_kind(name: str, seed: int, size: int, pictures: str, output: Path) -> None:
    """Draw every kind of question of a benchmark into a TSV, `size` groups each: what admission is measured on.

    Raises:
        ViperError: unknown benchmark.
    """
    write_table(output, table(draw_each_kind(name, seed, size, pictures)))


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

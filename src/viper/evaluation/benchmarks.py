"""Writing a benchmark of the micro world as the TSV that VLMEvalKit reads."""

import base64
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from viper.config.evaluation import BenchmarkOptions
from viper.errors import ViperError
from viper.files import atomic_write, write_table
from viper.world.draw import render
from viper.world.questions import BENCHMARKS, Question, question_text, real_world_choices, sample_group
from viper.world.scene import Scene


def draw_groups(name: str, seed: int, size: int, pictures: str) -> list[list[Question]]:
    """Groups of questions, at least `size` rows in all, categories in turn so that each has the same number.

    Equal arguments give equal questions; different benchmarks of one seed do not share their random stream.

    Raises:
        ViperError: unknown benchmark.
    """
    if name not in BENCHMARKS:
        raise ViperError(f"unknown micro benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    kinds = list(BENCHMARKS[name].generators)
    categories = BENCHMARKS[name].categories
    rng = np.random.default_rng([seed, list(BENCHMARKS).index(name)])
    groups: list[list[Question]] = []
    count = -(-size // BENCHMARKS[name].group_size)
    # Within a category, its kinds of question in turn as well.
    turns = {category: [kind for kind in kinds if kind[0] == category] for category in categories}
    for number in tqdm(range(count), desc=name, unit="group", mininterval=2):
        category = categories[number % len(categories)]
        kind = turns[category][number // len(categories) % len(turns[category])]
        groups.append(sample_group(rng, name, kind, split=pictures))
    return groups


def table(groups: list[list[Question]]) -> pd.DataFrame:
    """One row a question, with the columns that the benchmark's VLMEvalKit class reads."""
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


def provide(name: str, options: BenchmarkOptions, output: Path) -> None:
    """Make `output` the TSV of benchmark `name`: drawn, or a link to the official file.

    Raises:
        ViperError: unknown micro benchmark, or the official file is missing or not intact.
    """
    if options.source == "world":
        write(name, options.split.seed, options.split.size, options.split.pictures, output)
        return
    from viper.evaluation.vlmevalkit import require_data

    source = require_data(name, Path(options.folder)).resolve()
    with atomic_write(output) as partial:
        partial.symlink_to(os.path.relpath(source, output.resolve().parent))


def _row(question: Question, number: int, group_size: int, turn: int) -> dict:
    row = {
        "index": number * group_size + turn,
        "image": _images(question.scenes),
        "question": question_text(question),
        "answer": question.answer,
        "category": question.category,
        "l2-category": question.l2_category,
    }
    if question.benchmark == "MicroHallusion":  # VLMEvalKit takes set, figure and question from the index
        row["index"] = f"VD_{question.l2_category}_0_{number}_{question.slot}"
    if question.benchmark == "MicroCRPE":  # a bare letter as the truth would accept almost anything
        row["answer"] = f"{question.answer}. {question.options[question.answer]}"
    elif question.options:
        row |= question.options
    if question.benchmark == "MicroHighRes":
        row["multi-choice options"] = real_world_choices(question)
    return row


def _images(scenes: tuple[Scene, ...]) -> str:
    """One picture as base64 PNG; several as the list of them, as VLMEvalKit has it."""
    encoded = []
    for scene in scenes:
        buffer = BytesIO()
        render(scene).save(buffer, format="PNG")
        encoded.append(base64.b64encode(buffer.getvalue()).decode())
    return encoded[0] if len(encoded) == 1 else str(encoded)

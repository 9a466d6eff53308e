"""Seven benchmarks that ask what the paper's seven ask, with the answer known: one module each."""

import numpy as np

from microworld.benchmarks.benchmark import Benchmark, Keys, Question
from microworld.benchmarks.blink import MicroBlink
from microworld.benchmarks.crpe import MicroCRPE
from microworld.benchmarks.hallusion import MicroHallusion
from microworld.benchmarks.highres import MicroHighRes
from microworld.benchmarks.mantis import MicroMantis
from microworld.benchmarks.star import MicroStar
from microworld.benchmarks.worldqa import MicroWorldQA
from viper.errors import ViperError

# In the order of the paper's table. A benchmark's place is part of its seed: add new ones at the end.
BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        MicroStar(),
        MicroWorldQA(),
        MicroHighRes(),
        MicroBlink(),
        MicroMantis(),
        MicroHallusion(),
        MicroCRPE(),
    )
}


def find(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        ViperError: there is none.
    """
    if name not in BENCHMARKS:
        raise ViperError(f"unknown micro benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def sample_question(
    rng: np.random.Generator, benchmark: str, category: str | Keys | None = None, *, split: str | None = "train"
) -> Question:
    """One question of a benchmark, drawn from its group at random. Arguments and errors as in `sample_group`."""
    group = find(benchmark).sample_group(rng, category, split=split)
    return group[int(rng.integers(len(group)))]


def question_prompt(question: Question) -> str:
    """Exactly the text that the benchmark's VLMEvalKit class hands to the model (pictures come before it)."""
    return find(question.benchmark).prompt(question)


def said_answer(question: Question) -> str:
    """The answer as a model may say it: the option itself, or its letter where nothing else is scored as right.

    An option follows from what was seen; its letter has to be looked up besides.
    """
    if question.options is None or find(question.benchmark).wants_letter:
        return question.answer
    return question.options[question.answer]

"""What a benchmark of the micro world is: generators of questions, and how a question is asked, kept and scored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from microworld.benchmarks.draws import Draft, Draw, ImpossibleError, in_order
from microworld.scene import Scene
from viper.errors import ViperError
from viper.evaluation.scoring import MultipleChoice, Scoring

LETTERS = "ABCDE"
MAX_DRAWS = 1000

# What VLMEvalKit's class for multiple choice puts behind a question; a test compares it with the class itself.
_SELECT = "Please select the correct answer from the options above. \n"

Keys = tuple[str, str]  # category and l2-category


@dataclass(frozen=True)
class Question:
    """One item of a benchmark.

    Attributes:
        benchmark: "MicroStar", ... (see `BENCHMARKS`).
        category, l2_category: as the TSV has them; what they mean is the benchmark's business.
        scenes: one scene per picture, in order.
        question: the bare question, without options.
        options: letter → text; None where the answer is free (yes/no, one word).
        answer: what belongs into <answer>: a letter, "Yes"/"No", or a word.
        thought: one or two factual sentences, about 20 words, that belong into <think>: what must be seen.
        slot: place within a group of questions that are scored together ("<figure>_<question>" of a hallusion set,
            the turn of a CRPE item); empty where every question stands alone.
    """

    benchmark: str
    category: str
    l2_category: str
    scenes: tuple[Scene, ...]
    question: str
    options: dict[str, str] | None
    answer: str
    thought: str
    slot: str = ""


class Benchmark:
    """A benchmark whose questions stand alone and have lettered options, asked as VLMEvalKit asks multiple choice.

    Attributes:
        name: as files and tables have it.
        imitates: the official benchmark whose kinds of question and scorer it has.
        generators: (category, l2-category) → what drafts such a question.
        scoring: VLMEvalKit's class and what follows from it: the kind of answer, and the headline.
        group_size: how many rows are drawn and scored together.
        wants_letter: whether nothing but the letter of an option is scored as right.
    """

    name: ClassVar[str]
    imitates: ClassVar[str]
    generators: ClassVar[dict[Keys, Callable[[Draw], Draft]]]
    scoring: ClassVar[Scoring] = MultipleChoice()
    group_size: ClassVar[int] = 1
    wants_letter: ClassVar[bool] = False

    @property
    def categories(self) -> list[str]:
        """Category names in a fixed order."""
        return list(dict.fromkeys(category for category, _ in self.generators))

    def sample_group(
        self, rng: np.random.Generator, category: str | Keys | None = None, *, split: str | None = "train"
    ) -> list[Question]:
        """One group of questions that are scored together.

        Args:
            rng: the only source of randomness.
            category: one of the benchmark's categories, or a (category, l2-category) pair; None draws a category, each
                equally likely.
            split: the split of `microworld.scene.split_of` that every picture belongs to; None: any.

        Raises:
            ViperError: unknown category.
        """
        draw = Draw(rng, split)
        category = category or draw.pick(self.categories)
        found = [keys for keys in self.generators if category in (keys, keys[0])]
        if not found:
            raise ViperError(f"unknown category {category!r} of {self.name}; known: {', '.join(self.categories)}")
        keys = draw.pick(found)
        for _ in range(MAX_DRAWS):
            try:
                return self.draw_group(draw, keys)
            except ImpossibleError:
                continue
        raise RuntimeError(f"{self.name}, {keys}: no pictures fit after {MAX_DRAWS} draws")

    def draw_group(self, draw: Draw, keys: Keys) -> list[Question]:
        """One attempt at a group of one kind.

        Raises:
            ImpossibleError: the pictures drawn do not admit the question.
        """
        return [self.lettered(draw, keys, self.generators[keys](draw))]

    def lettered(self, draw: Draw, keys: Keys, draft: Draft) -> Question:
        """A question with lettered options."""
        if draft.wrong is None:
            return Question(self.name, *keys, draft.scenes, draft.question, None, draft.right, draft.thought)
        texts = self.options(draw, draft)
        options = dict(zip(LETTERS, texts, strict=False))
        letter = LETTERS[texts.index(draft.right)]
        return Question(self.name, *keys, draft.scenes, draft.question, options, letter, draft.thought)

    def options(self, draw: Draw, draft: Draft) -> list[str]:
        """The texts of the options, in their order."""
        return in_order([draft.right, *draft.wrong[:3]])

    def text(self, question: Question) -> str:
        """The TSV's column `question`: what the benchmark itself writes, before VLMEvalKit adds anything."""
        return question.question

    def prompt(self, question: Question) -> str:
        """Exactly the text that the benchmark's VLMEvalKit class hands to the model (pictures come before it)."""
        text = self.text(question)
        if question.options is None:
            return f"Question: {text}\n"
        options = "".join(f"{letter}. {option}\n" for letter, option in question.options.items())
        return f"Question: {text}\nOptions:\n{options}{_SELECT}"

    def columns(self, question: Question, number: int) -> dict[str, object]:
        """The columns of its TSV that not all benchmarks have alike; `number` is that of the group."""
        return question.options or {}

"""MicroCRPE: relations of things that exist, as CRPE."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from microworld.benchmarks.benchmark import LETTERS, Benchmark, Keys, Question
from microworld.benchmarks.draws import RELATIONS, Draft, Draw, paired_phrases, related_pairs, relation_of
from microworld.grammar import object_phrase, sentence
from microworld.scene import Object, Scene
from viper.evaluation.scoring import Relations

# Part of the question text in CRPE.
_LETTER_ONLY = "Answer with the option's letter from the given choices directly."


def _crpe_pair(draw: Draw, relation: str, alone: Callable) -> tuple[Scene, Object, Object]:
    def pairs(scene):
        return [pair for pair in related_pairs(scene, relation) if alone(scene, *pair)]

    scene = draw.scene(lambda scene: bool(pairs(scene)), min_objects=3)
    return (scene, *draw.pick(pairs(scene)))


def _predicate(draw: Draw) -> Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(draw, relation, lambda *_: True)
    question = f"What is the relation between the {object_phrase(a)} and the {object_phrase(b)}?"
    wrong = [other for other in RELATIONS if other != relation]
    return Draft((scene,), question, relation, wrong, f"{sentence(a)} {sentence(b)}")


def _subject(draw: Draw) -> Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(
        draw, relation, lambda s, a, b: sum(relation_of(t, b) == relation for t in s.objects if t is not b) == 1
    )
    wrong = paired_phrases(draw, scene, a, [b])
    question = f"What is {relation} the {object_phrase(b)}?"
    return Draft((scene,), question, object_phrase(a), wrong, f"{sentence(b)} {sentence(a)}")


def _object(draw: Draw) -> Draft:
    relation = draw.pick(RELATIONS)
    scene, a, b = _crpe_pair(
        draw, relation, lambda s, a, b: sum(relation_of(a, t) == relation for t in s.objects if t is not a) == 1
    )
    wrong = paired_phrases(draw, scene, b, [a])
    question = f"The {object_phrase(a)} is {relation} which object?"
    return Draft((scene,), question, object_phrase(b), wrong, f"{sentence(a)} {sentence(b)}")


class MicroCRPE(Benchmark):
    """Every question is asked four times with its options turned; all four must be right."""

    name = "MicroCRPE"
    imitates = "CRPE_RELATION"
    generators: ClassVar = {
        ("subject", "subject"): _subject,
        ("predicate", "predicate"): _predicate,
        ("object", "object"): _object,
    }
    scoring = Relations()
    group_size = 4

    def draw_group(self, draw: Draw, keys: Keys) -> list[Question]:
        question = self.lettered(draw, keys, self.generators[keys](draw))
        texts, start = list(question.options.values()), LETTERS.index(question.answer)
        return [
            replace(
                question,
                options=dict(zip(LETTERS, texts[turn:] + texts[:turn], strict=False)),
                answer=LETTERS[(start - turn) % 4],
                slot=str(turn),
            )
            for turn in range(4)
        ]

    def text(self, question: Question) -> str:
        options = "\n".join(f"{letter}. {text}" for letter, text in question.options.items())
        return f"{question.question}\n{options}\n{_LETTER_ONLY}"

    def prompt(self, question: Question) -> str:
        return self.text(question)

    def columns(self, question: Question, number: int) -> dict[str, object]:
        # A bare letter as the truth would accept almost anything.
        return {"answer": f"{question.answer}. {question.options[question.answer]}"}

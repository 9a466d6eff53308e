"""A model whose answers are known, for tests of evaluation."""

from microworld.benchmarks import question_prompt
from microworld.benchmarks.benchmark import Question
from microworld.draw import render
from viper import completion
from viper.config.evaluation import Asking
from viper.models.base import Chat


def asking(**changes) -> Asking:
    return Asking(**{"max_new_tokens": 8, **changes})


class Scripted:
    """A VLM that knows the questions by text and pictures, and answers `reply(question)`."""

    def __init__(self, questions: list[Question], reply):
        self.reply = reply
        self.batches: list[int] = []
        self.known = {(question_prompt(q), tuple(render(s).tobytes() for s in q.scenes)): q for q in questions}

    def answer(self, chats: list[Chat], *, max_new_tokens: int, temperature: float = 0.0, seeds=()) -> list[str]:
        assert temperature == 0
        self.batches.append(len(chats))
        return [self.reply(self.known[chat.text, tuple(image.tobytes() for image in chat.images)]) for chat in chats]


def right(question: Question) -> str:
    return completion.write(question.thought, question.answer)


def every(questions):
    return [question for group in questions.values() for question in group]

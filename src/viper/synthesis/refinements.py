"""Reading the refinements that a critique lists."""

from collections import Counter
from collections.abc import Callable, Sequence

from viper.reward.sentences import split_sentences

# What the prompts ask for when a caption is right. It is no refinement, so such a row has nothing to train on.
NOTHING_TO_CHANGE = "Nothing needs to change."
NOTHING = "nothing to change"  # why such a row is unusable


def read_refinements(answer: str) -> list[str]:
    """The refinement sentences of a critique's answer, each once, in order; none if nothing needs to change."""
    sentences = dict.fromkeys(split_sentences(answer))
    return [sentence for sentence in sentences if sentence.rstrip(". ") != NOTHING_TO_CHANGE.rstrip(".")]


def agreed(answers: Sequence[Sequence[str]], key: Callable[[str], str], least: int) -> list[str]:
    """The refinements that at least `least` of the answers contain, as and in the order in which they come first.

    Args:
        answers: the refinements of each answer.
        key: what two sentences share that say the same.
    """
    if len(answers) == 1:
        return list(answers[0])  # as the critic says it: nothing to compare it with
    votes = Counter(name for answer in answers for name in {key(sentence) for sentence in answer})
    first: dict[str, str] = {}
    for answer in answers:
        for sentence in answer:
            first.setdefault(key(sentence), sentence)
    return [sentence for name, sentence in first.items() if votes[name] >= least]

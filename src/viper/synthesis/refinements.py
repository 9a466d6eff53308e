"""Reading the refinements that a critique lists."""

from viper.reward.sentences import split_sentences

# What the prompts ask for when a caption is right. It is no refinement, so such a row has nothing to train on.
NOTHING_TO_CHANGE = "Nothing needs to change."


def read_refinements(answer: str) -> list[str]:
    """The refinement sentences of a critique's answer, each once, in order; none if nothing needs to change."""
    sentences = dict.fromkeys(split_sentences(answer))
    return [sentence for sentence in sentences if sentence.rstrip(". ") != NOTHING_TO_CHANGE.rstrip(".")]

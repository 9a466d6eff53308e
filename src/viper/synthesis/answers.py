"""Reading the VLM's completions: `<think> … </think><answer> … </answer>`."""

from viper.reward.sentences import find_answer, is_well_formed, split_sentences

# What the prompts ask for when a caption is right. It is no refinement, so such a row has nothing to train on.
NOTHING_TO_CHANGE = "Nothing needs to change."


def answer_text(completion: str) -> str:
    """The content of `<answer>`, stripped; '' where the format is broken (the reward's own test of format)."""
    return (find_answer(completion) or "").strip() if is_well_formed(completion) else ""


def read_refinements(answer: str) -> list[str]:
    """The refinement sentences of a critique's answer, each once, in order; none if nothing needs to change."""
    sentences = dict.fromkeys(split_sentences(answer))
    return [sentence for sentence in sentences if sentence.rstrip(". ") != NOTHING_TO_CHANGE.rstrip(".")]

"""How long prompts can become, and how large pictures, at a scale."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from viper.config.schema import Scale
from viper.fit import passes

# Guesses, in tokens: the words of the longest prompt set without what is put into it; a benchmark's question; a list
# of operations or refinements.
WORDS, QUESTION, LIST = 400, 400, 512
SEVERAL = 5  # pictures of the benchmarks' longest questions, in Mantis-Eval and BLINK


@dataclass(frozen=True)
class Prompt:
    """The longest prompt of a step: tokens of its text, and how many pictures it has."""

    text: int
    pictures: int

    def tokens(self, config: dict[str, Any], pixels: int) -> int:
        """Its tokens, with those of its pictures and of the marks around them."""
        return self.text + self.pictures * (passes.picture_tokens(config, pixels) + 2)


def picture_pixels(scale: Scale) -> int:
    """Pixels of the largest picture that reaches the VLM."""
    most = scale.models.vlm.processor.get("max_pixels")
    return min(most, scale.images.max_pixels) if most else scale.images.max_pixels


def longest_prompt(scale: Scale, data: Collection[str]) -> Prompt:
    """The longest prompt of some data sets: CSR shows a picture and a caption, VOP two pictures."""
    caption = scale.synthesis.caption.max_new_tokens
    prompts = {"csr": Prompt(WORDS + caption, 1), "vop": Prompt(WORDS, 2), "cold": Prompt(WORDS + caption, 1)}
    found = [prompts[name] for name in data]
    return Prompt(max(each.text for each in found), max(each.pictures for each in found))


def synthesis_prompts(scale: Scale) -> dict[str, tuple[Prompt, int]]:
    """Step of the synthesis that asks the VLM → its longest prompt, and the longest answer allowed."""
    synthesis = scale.synthesis
    caption = synthesis.caption.max_new_tokens
    return {
        "caption": (Prompt(WORDS, 1), caption),
        "critique": (Prompt(WORDS + caption, 2), synthesis.critique.max_new_tokens),
        "refine": (Prompt(WORDS + caption + LIST, 1), synthesis.refine.max_new_tokens),
        "entities": (Prompt(WORDS + synthesis.refine.max_new_tokens, 1), synthesis.entities.max_new_tokens),
    }


def evaluation_prompt(scale: Scale) -> tuple[Prompt, int]:
    """The longest question of the benchmarks, and the longest answer allowed."""
    pictures = SEVERAL if {"BLINK", "Mantis-Eval"} & set(scale.evaluation.names) else 1
    return Prompt(QUESTION, pictures), scale.evaluation.asking.max_new_tokens

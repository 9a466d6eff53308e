"""How long prompts can become, and how large pictures, at a scale."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from viper.config.evaluation import vlm_section
from viper.config.schema import Scale
from viper.fit import passes

# Guesses, in tokens: the words of the longest prompt set without what is put into it; a benchmark's question; a list
# of operations or refinements.
WORDS, QUESTION, LIST = 400, 400, 512
# Benchmarks with several pictures a question, and the most of them: 4 in BLINK, 5 in Mantis-Eval.
SEVERAL, OF_SEVERAL = 5, frozenset({"BLINK", "Mantis-Eval", "MicroBlink", "MicroMantis"})
# Assumed: pixels of all pictures of such a question together. BLINK's have from 200 x 83 to 3072 x 4096, most of them
# far fewer (https://evalscope.readthedocs.io/en/v1.6.0/benchmarks/blink.html): three of the largest.
TOGETHER = 3 * 3072 * 4096
# Of the largest picture where nothing says otherwise: max_pixels in Qwen2.5-VL's preprocessor_config.json.
PUBLISHED_PIXELS = 16_384 * 28**2


@dataclass(frozen=True)
class Prompt:
    """The longest prompt of a step: tokens of its text, how many pictures it has, and the pixels of each."""

    text: int
    pictures: int
    pixels: int

    def tokens(self, config: dict[str, Any]) -> int:
        """Its tokens, with those of its pictures and of the marks around them."""
        return self.text + self.pictures * (passes.picture_tokens(config, self.pixels) + 2)


def picture_pixels(scale: Scale) -> int:
    """Pixels of the largest picture that reaches the VLM while data are made, and in training.

    The processor scales up what is smaller than its least.
    """
    least, most = (scale.models.vlm.processor.get(f"{end}_pixels") for end in ("min", "max"))
    return max(least or 0, min(most or scale.images.max_pixels, scale.images.max_pixels))


def benchmark_pixels(scale: Scale) -> int:
    """Pixels of the largest picture of a benchmark as the VLM sees it: published ones know no `images.max_pixels`."""
    if scale.evaluation.source == "world":
        return picture_pixels(scale)
    return _evaluated(scale).get("max_pixels", PUBLISHED_PIXELS)


def _evaluated(scale: Scale) -> dict[str, int]:
    """The processor's options while benchmarks are answered."""
    return vlm_section(scale.evaluation, scale.models.vlm).processor


def longest_prompt(scale: Scale, config: dict[str, Any], data: Collection[str]) -> Prompt:
    """The longest prompt of some data sets, with as many pictures as any has: CSR shows one and a caption, VOP two."""
    caption, pixels = scale.synthesis.caption.max_new_tokens, picture_pixels(scale)
    one, two = Prompt(WORDS + caption, 1, pixels), Prompt(WORDS, 2, pixels)
    found = [{"csr": one, "vop": two, "cold": one}[name] for name in data]
    most, longest = max(each.pictures for each in found), max(each.tokens(config) for each in found)
    return Prompt(longest - Prompt(0, most, pixels).tokens(config), most, pixels)


def synthesis_prompts(scale: Scale) -> list[tuple[Prompt, int]]:
    """The longest prompt of each step of the synthesis that asks the VLM, and the longest answer allowed."""
    synthesis, pixels = scale.synthesis, picture_pixels(scale)
    caption, refined = synthesis.caption.max_new_tokens, synthesis.refine.max_new_tokens
    return [
        (Prompt(WORDS, 1, pixels), caption),
        (Prompt(WORDS + caption, 2, pixels), synthesis.critique.max_new_tokens),
        (Prompt(WORDS + caption + LIST, 1, pixels), refined),
        (Prompt(WORDS + refined, 1, pixels), synthesis.entities.max_new_tokens),
    ]


def evaluation_prompts(scale: Scale) -> list[tuple[Prompt, int]]:
    """The longest questions of the benchmarks: one picture of the largest size, and several; with the longest answer.

    Several are not all of the largest size: `TOGETHER` says how large they are taken to be.
    """
    largest, answer = benchmark_pixels(scale), scale.evaluation.asking.max_new_tokens
    found = [(Prompt(QUESTION, 1, largest), answer)]
    if OF_SEVERAL.intersection(scale.evaluation.names):
        # The processor scales up what is smaller than its least.
        each = min(largest, max(TOGETHER // SEVERAL, _evaluated(scale).get("min_pixels", 1)))
        found.append((Prompt(QUESTION, SEVERAL, each), answer))
    return found

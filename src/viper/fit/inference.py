"""What synthesis and evaluation take: the VLM under vLLM or transformers, the painter, the editor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from viper.config.evaluation import vllm_place, vlm_section
from viper.config.models import VLLM_PLACE, EditorSection, Vllm, VlmSection
from viper.config.schema import Scale
from viper.config.values import has_place, value_at
from viper.fit import passes
from viper.fit.descriptions import Description, describe
from viper.fit.lengths import SEVERAL, Prompt, evaluation_prompts, synthesis_prompts
from viper.fit.step import GRAPHS, LIBRARIES, PROCESS, SCATTERED, Length, Parts, Planned, Step

_PROMPT_OF_A_PAINTER, _PROMPT_OF_AN_EDITOR = 1024, 1400  # tokens; an editor's has the picture's too
_FEW_TOKENS = 64  # of a picture
_HALF, _FULL = 0.5, 1.0  # of float32, in which processors make pictures


@dataclass(frozen=True)
class Limits:
    """What vLLM does at once: tokens that it reads, of pictures as many again, and sequences that it works on."""

    tokens: int
    sequences: int


# vLLM's own on GPUs of 70 GB and more (EngineArgs.get_batch_defaults of 0.30); on A100s and smaller ones it takes less.
ALONE = Limits(16_384, 1_024)


def answering(what: str, engine: str) -> Planned:
    """The forecast of the VLM in 'synthesis' or in 'evaluation', by 'vllm' or 'transformers'."""
    return Planned(what, partial(_answering, what, engine), partial(_answering_levers, what, engine))


def drawing(part: str) -> Planned:
    """The forecast of the 'painter' or the 'editor'."""
    return Planned(part, partial(_drawing, part), partial(_drawing_levers, part))


Asked = Sequence[tuple[Prompt, int]]  # longest prompts of several kinds, each with the tokens of its longest answer


def engine_parts(
    description: Description, share: Vllm, asked: Asked, number: int, limits: Limits
) -> tuple[dict[str, float], Length, Callable[[float], str]]:
    """What vLLM needs to start, how long what it is asked can become, and from the bytes of its cache, what to note.

    It starts by reading as much at once as it ever does, pictures of the largest size among it.

    Args:
        number: of prompts that are asked together.
    """
    config = description.config
    most = passes.most_positions(config)
    longest = min(share.max_length or most, most)
    largest = max(prompt.pixels for prompt, _ in asked)
    a_picture, a_token = passes.picture_tokens(config, largest) + 2, passes.cache_bytes(config)
    pictures = max(1, limits.tokens // a_picture)
    words = max(1, limits.tokens - pictures * a_picture)
    reading = passes.reading(description, passes.Batch(1, words, *_laid_out(config, pictures, largest)))
    parts = {
        "weights": 2.0 * passes.parameters_of(config),
        "reading prompts": (reading + 2 * 4 * limits.sequences * passes.vocabulary(config)) * (1 + SCATTERED),
        "graphs": GRAPHS,
        "one sequence": float(longest * a_token),
    }
    needed = max(prompt.tokens(config) + answer for prompt, answer in asked)

    def note(cache: float) -> str:
        at_once = min(number, max(0, int(cache // (needed * a_token))))
        return f"{at_once:,} of {number:,} answers of the longest prompt run at once"

    return parts, Length(needed, longest), note


def _laid_out(config: dict[str, Any], pictures: int, pixels: int) -> tuple[int, int]:
    """Pictures of so many pixels as they are laid out: thousands of few tokens, which take minutes one by one, as fewer
    with as many tokens in all."""
    tokens = passes.picture_tokens(config, pixels)
    if tokens >= _FEW_TOKENS:
        return pictures, pixels
    return max(1, pictures * tokens // _FEW_TOKENS), passes.pixels_of(config, _FEW_TOKENS)


def _vlm(scale: Scale) -> Description:
    return describe(scale.models.vlm.path, scale.models.hub.get("vlm"))


def _asked(what: str, scale: Scale) -> Asked:
    return evaluation_prompts(scale) if what == "evaluation" else synthesis_prompts(scale)


def _used(engine: str, scale: Scale) -> str:
    section = scale.models.vlm
    return engine if section.engine == "auto" else section.engine


def _answering(what: str, engine: str, scale: Scale) -> Step:
    build = _by_vllm if _used(engine, scale) == "vllm" else _by_transformers
    return build(what, scale)


def _section(what: str, scale: Scale) -> VlmSection:
    return vlm_section(scale.evaluation, scale.models.vlm) if what == "evaluation" else scale.models.vlm


def _by_vllm(what: str, scale: Scale) -> Step:
    share, description, asked = _section(what, scale).vllm, _vlm(scale), _asked(what, scale)
    rows = _rows(what, scale)
    parts, length, note = engine_parts(description, share, asked, rows, ALONE)
    room = share.gpu_share * scale.fit.bytes
    cache = room - sum(size for part, size in parts.items() if part != "one sequence")
    notes = (note(cache), *_said_of_several(asked, description, length))
    # It processes all prompts of a call before it answers the first, and keeps them until they are answered.
    host = _host(what, scale, kept=rows * _HALF, processes=2, stays=share.sleep)
    return Step(
        f"{what} (vllm)",
        {"starting": parts},
        host,
        room,
        place="models.vlm",
        length=length,
        fewer="evaluation.asking.batch_ahead" if what == "evaluation" else "",
        notes=notes,
    )


def _said_of_several(asked: Asked, description: Description, length: Length) -> list[str]:
    """How large several pictures of a question may be: what they are taken to be is a guess."""
    return [
        f"a question of {SEVERAL} pictures fits while these have up to "
        f"{_pixels_that_fit(prompt, answer, description, length) / 1e6:.1f} megapixels each; they are taken to have "
        f"{prompt.pixels / 1e6:.1f}"
        for prompt, answer in asked
        if prompt.pictures == SEVERAL
    ]


def _pixels_that_fit(prompt: Prompt, answer: int, description: Description, length: Length) -> float:
    """Pixels of each picture of a prompt that has just room for its answer."""
    tokens = max(0, (length.most - prompt.text - answer) // prompt.pictures - 2)
    return tokens * prompt.pixels / passes.picture_tokens(description.config, prompt.pixels)


def _by_transformers(what: str, scale: Scale) -> Step:
    section, description, asked = scale.models.vlm, _vlm(scale), _asked(what, scale)
    # Prompts of like lengths are asked together: a batch of the longest, or one question of several large pictures
    # among others that are shorter.
    few = [prompt for prompt, _ in asked if prompt.pictures < SEVERAL]
    longest = max(few, key=lambda prompt: prompt.tokens(description.config))
    rows = [(section.batch_size, longest), *((1, prompt) for prompt, _ in asked if prompt.pictures == SEVERAL)]
    batches = [passes.Batch(number, each.text, each.pictures, each.pixels) for number, each in rows]
    reading = max(passes.reading(description, batch) for batch in batches)
    # Each step of decoding appends to the cache: a layer's is there twice meanwhile.
    answer = max(answer for _, answer in asked)
    cache = passes.cache_bytes(description.config) * section.batch_size * answer
    parts = {
        "weights": 2.0 * passes.parameters_of(description.config),
        "reading prompts": reading * (1 + SCATTERED),
        "keys and values": float(cache),
        "libraries": LIBRARIES,
    }
    # Of a batch, each prompt's are made, and then put together.
    host = _host(what, scale, kept=2 * section.batch_size * _FULL, processes=1, stays=False)
    notes = (f"{section.batch_size} prompts at once",)
    return Step(f"{what} (transformers)", {"answering": parts}, host, place="models.vlm", notes=notes)


def _rows(what: str, scale: Scale) -> int:
    """Prompts that are asked in one call."""
    if what == "evaluation":
        return scale.evaluation.asking.batch_ahead
    return scale.images.number // scale.images.shards


def _host(what: str, scale: Scale, *, kept: float, processes: int, stays: bool) -> dict[str, Parts]:
    """What the machine holds while weights are read, and while a call is answered.

    Of all prompts of a call the decoded pictures are there, a byte a color; an evaluation decodes the next call's
    meanwhile. A benchmark's question is taken to have one picture of the largest size: several are smaller, by far.

    Args:
        kept: prompts whose pictures are there as the processor made them, counted in float32.
        stays: whether weights wait in the machine's memory while nothing is asked.
    """
    config = _vlm(scale).config
    weights = {"weights": 2.0 * passes.parameters_of(config)}
    running = {"processes": processes * PROCESS}
    ahead = 2 if what == "evaluation" else 1
    prompts = [prompt for prompt, _ in _asked(what, scale) if prompt.pictures < SEVERAL]
    most = max(prompts, key=lambda prompt: prompt.pictures * prompt.pixels)
    pictures = {
        "pictures": 3.0 * ahead * _rows(what, scale) * most.pictures * most.pixels,
        "pixels": kept * most.pictures * float(passes.picture_bytes(config, most.pixels)),
    }
    return {"reading weights": running | weights, "answering": running | pictures | (weights if stays else {})}


def _answering_levers(what: str, engine: str, scale: Scale) -> Mapping[str, list]:
    section = scale.models.vlm
    found: dict[str, list] = {}
    if _used(engine, scale) == "vllm":
        place = vllm_place(scale.evaluation) if what == "evaluation" else VLLM_PLACE
        if has_place(scale, f"{place}.max_length"):
            asked, config = _asked(what, scale), _vlm(scale).config
            if vllm_place(scale.evaluation) == VLLM_PLACE:  # one length for both
                asked = [*synthesis_prompts(scale), *evaluation_prompts(scale)]
            needed = max(prompt.tokens(config) + answer for prompt, answer in asked)
            found[f"{place}.max_length"] = [-(-needed // 256) * 256]
            found[f"{place}.gpu_share"] = [0.9]
    else:
        found["models.vlm.batch_size"] = [size for size in (8, 4, 2, 1) if size < section.batch_size]
    of_evaluation = what == "evaluation" and scale.evaluation.processor
    processor = "evaluation.processor" if of_evaluation else "models.vlm.processor"
    if most := value_at(scale, f"{processor}.max_pixels"):
        least = value_at(scale, f"{processor}.min_pixels") or 0
        found[f"{processor}.max_pixels"] = [fewer for fewer in (most // 2, most // 4) if fewer >= least]
    return {place: values for place, values in found.items() if values and values != [value_at(scale, place)]}


def _drawing(part: str, scale: Scale) -> Step:
    section = getattr(scale.models, part)
    description = describe(section.path, scale.models.hub.get(part))
    tokens = _PROMPT_OF_AN_EDITOR if isinstance(section, EditorSection) else _PROMPT_OF_A_PAINTER
    made = passes.painting(description, section, tokens)
    images = scale.images.number / scale.images.shards
    pictures = 3.0 * scale.images.max_pixels * images
    gpu = {
        "weights": float(made.weights),
        "activations": made.activations * (1 + SCATTERED),
        "libraries": LIBRARIES,
    }
    host = {"drawing": {"processes": PROCESS, "weights as read": float(made.weights), "pictures": pictures}}
    note = f"{section.batch_size} picture{'s' if section.batch_size > 1 else ''} a call"
    return Step(part, {"drawing": gpu}, host, place=f"models.{part}", notes=(note,))


def _drawing_levers(part: str, scale: Scale) -> Mapping[str, list]:
    size = getattr(scale.models, part).batch_size
    return {f"models.{part}.batch_size": [each for each in (8, 4, 2, 1) if each < size]} if size > 1 else {}

"""What synthesis and evaluation take: the VLM under vLLM or transformers, the painter, the editor."""

from collections.abc import Callable, Mapping
from functools import partial

from viper.config.models import EditorSection, Vllm
from viper.config.schema import Scale
from viper.config.values import has_place, value_at
from viper.fit import passes
from viper.fit.descriptions import Description, describe
from viper.fit.lengths import Prompt, evaluation_prompt, picture_pixels, synthesis_prompts
from viper.fit.step import GRAPHS, LIBRARIES, PROCESS, SCATTERED, Planned, Step

BATCHED = 4096  # tokens that vLLM reads at once: TRL's setting; its own default is of the same order
SEQUENCES = 256  # that vLLM works on at once, whose logits it holds in float32, twice
_PROMPT_OF_A_PAINTER, _PROMPT_OF_AN_EDITOR = 1024, 1400  # tokens; an editor's has the picture's too


def answering(what: str, engine: str) -> Planned:
    """The forecast of the VLM in 'synthesis' or in 'evaluation', by 'vllm' or 'transformers'."""
    return Planned(what, partial(_answering, what, engine), partial(_answering_levers, engine))


def drawing(part: str) -> Planned:
    """The forecast of the 'painter' or the 'editor'."""
    return Planned(part, partial(_drawing, part), partial(_drawing_levers, part))


def engine_parts(
    description: Description, share: Vllm, prompt: Prompt, pixels: int, completion: int, asked: int
) -> tuple[dict[str, float], Callable[[float], tuple[str, ...]]]:
    """What vLLM needs to start, and from the bytes of its cache, what it says of how many prompts run at once.

    Args:
        completion: tokens of the longest answer.
        asked: prompts that are asked together.
    """
    config = description.config
    most = passes.most_positions(config)
    longest = min(share.max_length or most, most)
    words = max(1, BATCHED - prompt.pictures * (passes.picture_tokens(config, pixels) + 2))
    reading = passes.reading(description, passes.Batch(1, words, prompt.pictures, pixels))
    a_token = passes.cache_bytes(config)
    parts = {
        "weights": 2.0 * passes.parameters_of(config),
        "reading prompts": (reading + 2 * 4 * SEQUENCES * passes.vocabulary(config)) * (1 + SCATTERED),
        "graphs": GRAPHS,
        "one sequence": float(longest * a_token),
    }
    needed = prompt.tokens(config, pixels) + completion

    def notes(cache: float) -> tuple[str, ...]:
        at_once = max(0, int(cache // (needed * a_token)))
        said = [f"sequences of up to {longest:,} tokens; {min(at_once, asked):,} of {asked:,} answers of the longest "
                f"prompt ({needed:,} tokens) run at once"]  # fmt: skip
        if needed > longest:
            said.append(f"the longest prompt with its answer has {needed:,} tokens: more than vLLM takes here")
        return tuple(said)

    return parts, notes


def _vlm(scale: Scale) -> Description:
    return describe(scale.models.vlm.path, scale.models.hub.get("vlm"))


def _longest(what: str, scale: Scale) -> tuple[Prompt, int]:
    """The longest prompt of the steps, with its answer."""
    if what == "evaluation":
        return evaluation_prompt(scale)
    config, pixels = _vlm(scale).config, picture_pixels(scale)
    return max(synthesis_prompts(scale).values(), key=lambda pair: pair[0].tokens(config, pixels) + pair[1])


def _answering(what: str, engine: str, scale: Scale) -> Step:
    section, description, pixels = scale.models.vlm, _vlm(scale), picture_pixels(scale)
    prompt, answer = _longest(what, scale)
    weights = 2.0 * passes.parameters_of(description.config)
    rows = scale.evaluation.asking.batch_ahead if what == "evaluation" else scale.images.number // scale.images.shards
    pictures = 3.0 * pixels * prompt.pictures * rows  # decoded, a byte a color
    host = {"answering": {"processes": 2 * PROCESS, "weights": weights, "pictures": pictures}}
    used = engine if section.engine == "auto" else section.engine
    name = f"{what} ({used})"
    if used == "vllm":
        share = section.vllm
        parts, notes = engine_parts(description, share, prompt, pixels, answer, rows)
        room = share.gpu_share * scale.fit.bytes
        cache = room - sum(size for part, size in parts.items() if part != "one sequence")
        return Step(name, {"starting": parts}, host, room, "models.vlm", notes(cache))
    reading = passes.reading(description, passes.Batch(section.batch_size, prompt.text, prompt.pictures, pixels))
    # Each step of decoding appends to the cache: a layer's is there twice meanwhile.
    cache = passes.cache_bytes(description.config) * section.batch_size * answer
    parts = {
        "weights": weights,
        "reading prompts": reading * (1 + SCATTERED),
        "keys and values": float(cache),
        "libraries": LIBRARIES,
    }
    return Step(name, {"answering": parts}, host, None, "models.vlm", (f"{section.batch_size} prompts at once",))


def _answering_levers(engine: str, scale: Scale) -> Mapping[str, list]:
    section = scale.models.vlm
    used = engine if section.engine == "auto" else section.engine
    found: dict[str, list] = {}
    if used == "vllm" and has_place(scale, "models.vlm.vllm.max_length"):
        config, pixels = _vlm(scale).config, picture_pixels(scale)
        pairs = [*synthesis_prompts(scale).values(), evaluation_prompt(scale)]
        needed = max(prompt.tokens(config, pixels) + answer for prompt, answer in pairs)
        found["models.vlm.vllm.max_length"] = [-(-needed // 256) * 256]
        found["models.vlm.vllm.gpu_share"] = [0.9]
    if used == "transformers":
        found["models.vlm.batch_size"] = [size for size in (8, 4, 2, 1) if size < section.batch_size]
    if most := section.processor.get("max_pixels"):
        found["models.vlm.processor.max_pixels"] = [most // 2]
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
    return Step(part, {"drawing": gpu}, host, None, f"models.{part}", (note,))


def _drawing_levers(part: str, scale: Scale) -> Mapping[str, list]:
    size = getattr(scale.models, part).batch_size
    return {f"models.{part}.batch_size": [each for each in (8, 4, 2, 1) if each < size]} if size > 1 else {}

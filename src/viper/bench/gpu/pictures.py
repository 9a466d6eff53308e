"""Painting and editing at true size: few steps and many, several pictures a call, compiled or not."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from viper.bench.floor import finish
from viper.bench.gpu.building import build_pipelines, picture, text
from viper.bench.gpu.device import Meter, release
from viper.bench.gpu.rows import Say
from viper.bench.gpu.sizes import EDITOR, PAINTER, Sizes
from viper.cost.rates import read_rates
from viper.models.pipelines import call_in_batches

import torch  # isort: skip
from PIL import Image

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_ROOM = 1.2  # a call that is expected to take more than what is left by so much is not begun
_COMPILING = 60.0  # seconds that compiling a kind of block is expected to take


@dataclass(frozen=True)
class Call:
    """One call of a pipeline.

    Attributes:
        who: painter or editor.
        steps: of denoising.
        guidance: 1 for none; more needs a second pass a step, without the prompt.
        pictures: at once.
        compiled: the denoiser's blocks are.
    """

    who: str
    steps: int
    guidance: float
    pictures: int
    compiled: bool = False

    @property
    def passes(self) -> int:
        """Denoising passes of one picture."""
        return self.steps * (2 if self.guidance > 1 else 1)

    def __str__(self) -> str:
        kind = "compiled, " if self.compiled else ""
        guided = "with" if self.guidance > 1 else "without"
        return f"{kind}{self.steps} steps {guided} guidance, {self.pictures} at once"


def calls(sizes: Sizes) -> Iterator[Call]:
    """What is measured, in the order of how much it is worth."""
    few, many = sizes.steps
    models = sizes.scale.models
    guidance = {who: getattr(models, who).arguments["true_cfg_scale"] for who in ("painter", "editor")}
    for pictures in sizes.batches:
        for who in guidance:
            yield Call(who, few, 1.0, pictures)
    for who, scale in guidance.items():
        yield Call(who, many, scale, 1)
    for pictures in dict.fromkeys((sizes.batches[0], sizes.batches[-1])):
        for who in guidance:
            yield Call(who, few, 1.0, pictures, compiled=True)
    for who, scale in guidance.items():
        yield Call(who, many, scale, 1, compiled=True)


def diffusion(sizes: Sizes, device: str, say: Say, left: Callable[[], float]) -> None:
    """Seconds of a picture and of a pass, for each of `calls`.

    Args:
        left: seconds that there still are; what would take longer, by what was measured before, is said to.
    """
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    painter, editor = build_pipelines(sizes.models[PAINTER], sizes.models[EDITOR], device=device, dtype=dtype)
    pipelines = {"painter": painter, "editor": editor}
    rates = {who: read_rates().models[name].denoising for who, name in (("painter", PAINTER), ("editor", EDITOR))}
    known: dict[str, float] = {}  # who → seconds of a pass of one picture
    compiled = False
    for call in calls(sizes):
        if call.compiled and not compiled:
            painter.transformer.compile_repeated_blocks(fullgraph=True, backend=sizes.backend)  # the editor's too
            compiled = True
        warm = call.who not in known or call.compiled
        expected = call.passes * call.pictures * known.get(call.who, rates[call.who]) + call.compiled * _COMPILING
        if expected * _ROOM > left():
            note = f"not begun: about {expected:.0f} s by what was measured, {max(0, left()):.0f} s were left"
            say(call.who, setting=str(call), note=note)
            continue
        try:
            if warm:
                _run(pipelines[call.who], call, sizes, steps=1)
            pass_seconds = _measure(pipelines[call.who], call, sizes, device, say, rates[call.who])
        except torch.OutOfMemoryError as error:
            say(call.who, setting=str(call), note=f"does not fit this card: {str(error).splitlines()[0]}")
            release(device)
            continue
        known.setdefault(call.who, pass_seconds)


def _measure(
    pipeline: "DiffusionPipeline", call: Call, sizes: Sizes, device: str, say: Say, planned: float | None
) -> float:
    """Say what a call takes; seconds of one pass of one picture."""
    ends: list[float] = []

    def note_time(pipeline: Any, step: int, timestep: Any, values: dict) -> dict:
        finish(device)
        ends.append(time.perf_counter())
        return values

    meter = Meter(device)
    with meter.piece("call"):
        _run(pipeline, call, sizes, steps=call.steps, callback_on_step_end=note_time)
    whole, per_step = meter.seconds["call"], (ends[-1] - ends[0]) / (len(ends) - 1)
    per_pass = per_step / (call.passes // call.steps) / call.pictures
    say(call.who, setting=str(call), value=whole / call.pictures, unit="s a picture")
    say(call.who, setting=str(call), value=call.pictures / whole, unit="pictures/s")
    say(call.who, setting=str(call), value=per_pass, unit="s a pass and picture", planned=planned)
    say(call.who, setting=str(call), value=meter.gigabytes["call"], unit="GB at most")
    return per_pass


def _run(pipeline: "DiffusionPipeline", call: Call, sizes: Sizes, *, steps: int, **more: Any) -> None:
    numbers = range(call.pictures)
    columns: dict[str, list[Any]] = {"prompt": [text(sizes.caption) for _ in numbers]}
    arguments = {"num_inference_steps": steps, "true_cfg_scale": call.guidance, "negative_prompt": " ", **more}
    if call.who == "editor":
        columns["image"] = [Image.fromarray(picture(sizes.side**2, number)) for number in numbers]
    else:
        arguments |= {"height": sizes.side, "width": sizes.side}
    call_in_batches(
        pipeline, columns, seeds=list(numbers), batch_size=call.pictures, arguments=arguments, progress=str(call)
    )
